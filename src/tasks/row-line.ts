import type { Field, RecordBatch, Schema } from 'apache-arrow'
import { column } from '../batch/batch.ts'
import { Control } from '../flow/control.ts'
import { Deferred } from '../flow/deferred.ts'
import { WorkerError } from '../errors.ts'
import { isSamples, samplesAt } from '../pictures/samples.ts'
import { valueAt } from './row-values.ts'
import { PixelRoom } from './pixel-room.ts'
import { TaskPool } from './task-pool.ts'
import type { TaskRow, TaskValue } from './task.ts'
import type { Outcome, TaskSetup, TaskSpec } from './task-worker.ts'

/** A batch whose rows are in work, or done. */
export interface OpenBatch {
  /** As it came in, as far as it goes on. */
  readonly batch: RecordBatch
  /** Fields that the tasks add and that are sent back. */
  readonly adds: readonly Field[]
  /** What became of each row so far. */
  readonly outcomes: (Outcome | undefined)[]
}

/** What a line of rows does with them. */
export interface LinePlan {
  /** Names of the operators. */
  readonly names: readonly string[]
  /** Tasks, in order. */
  readonly tasks: readonly TaskSpec[]
  /** Columns of the input that the tasks read. */
  readonly reads: readonly string[]
  /** Those of them that are read as pictures of any type, if they are tensors. */
  readonly samples: readonly string[]
  /** Checks a batch, and returns the fields to be sent back. */
  readonly adds: (input: Schema) => Promise<readonly Field[]>
  /** What of a batch goes on: the rest is held only until its rows are in the threads. */
  readonly kept: (input: RecordBatch) => RecordBatch
  /** Most threads. */
  readonly threads: number
  /** Bytes of decoded pictures that the threads may hold together. */
  readonly roomBytes: number
  /** Called with the number of rows that have not been answered, when it changes. */
  readonly onRows: (rows: number) => void
  /** Ends the line. */
  readonly signal: AbortSignal
}

/** A row that waits for a thread. */
interface WaitingRow {
  readonly open: OpenBatch
  /** Its batch as it came in. */
  readonly input: RecordBatch
  readonly row: number
}

/**
 * Batches and control messages in the order of the input, and the rows of those batches on their
 * way through the threads. It pulls while fewer than two batches are open, or so few rows that
 * threads would be idle; rows go to work while the reader is busy.
 */
export class RowLine {
  readonly #input: AsyncIterator<RecordBatch | Control>
  readonly #plan: LinePlan
  #pool: TaskPool | undefined
  readonly #open: (OpenBatch | Control)[] = []
  readonly #waiting: WaitingRow[] = []
  #pulling = false
  #ended = false
  #failure: { readonly cause: unknown } | undefined
  #crash: { readonly cause: unknown; readonly ids: string[] } | undefined
  /** Rows that have not been answered. */
  #rows = 0
  #bell = new Deferred()

  constructor(input: AsyncIterable<RecordBatch | Control>, plan: LinePlan) {
    this.#input = input[Symbol.asyncIterator]()
    this.#plan = plan
  }

  /** Yields each batch when all its rows are done. Ends the threads in the end. */
  async *results(): AsyncGenerator<OpenBatch | Control> {
    const { signal } = this.#plan
    const stop = (): void => {
      this.#bell.resolve()
    }
    signal.addEventListener('abort', stop)
    try {
      while (!signal.aborted) {
        this.#fill()
        if (this.#crash) throw this.#crashed(this.#crash)
        const [first] = this.#open
        if (first && isDone(first)) yield this.#open.shift() as OpenBatch | Control
        else if (first || !this.#ended) await this.#change()
        else if (this.#failure) throw this.#failure.cause
        else return
      }
    } finally {
      signal.removeEventListener('abort', stop)
      this.#ended = true
      this.#waiting.length = 0
      this.#input.return?.().catch(() => undefined)
      await this.#pool?.close()
    }
  }

  async #change(): Promise<void> {
    await this.#bell.promise
    this.#bell = new Deferred()
  }

  /** Gives waiting rows to free threads, and pulls when there will be room. */
  #fill(): void {
    while (this.#pool?.free && !this.#crash) {
      const next = this.#waiting.shift()
      if (!next) break
      try {
        const { open, row } = next
        void this.#work(this.#pool, { open, row }, this.#taskRow(next))
      } catch (cause) {
        this.#crash = { cause, ids: [] }
      }
    }
    const rows = 2 * this.#plan.threads
    if (this.#ended || this.#pulling || this.#waiting.length >= rows) return
    if (this.#open.length < 2 || openRows(this.#open) < 2 * rows) void this.#pull()
  }

  async #pull(): Promise<void> {
    this.#pulling = true
    try {
      const result = await this.#input.next()
      if (result.done) this.#ended = true
      else if (result.value instanceof Control) this.#open.push(result.value)
      else await this.#add(result.value)
    } catch (cause) {
      this.#failure = { cause }
      this.#ended = true
    }
    this.#pulling = false
    this.#fill()
    this.#bell.resolve()
  }

  async #add(batch: RecordBatch): Promise<void> {
    const { tasks, threads, roomBytes, kept } = this.#plan
    const adds = await this.#plan.adds(batch.schema)
    if (this.#ended) return
    const returns = adds.map((f) => f.name)
    this.#pool ??= new TaskPool({ tasks, returns, room: roomFor(roomBytes) }, threads)
    const outcomes = Array.from({ length: batch.numRows }, () => undefined)
    const open: OpenBatch = { batch: kept(batch), adds, outcomes }
    this.#open.push(open)
    this.#plan.onRows((this.#rows += batch.numRows))
    for (let row = 0; row < batch.numRows; row++) this.#waiting.push({ open, input: batch, row })
  }

  /** What the tasks read of a row, copied. */
  #taskRow({ input, row }: WaitingRow): TaskRow {
    const values: Record<string, TaskValue> = {}
    for (const field of input.schema.fields)
      if (this.#plan.reads.includes(field.name)) {
        const read = this.#plan.samples.includes(field.name) && isSamples(field)
        values[field.name] = (read ? samplesAt : valueAt)(field, column(input, field.name), row)
      }
    return values
  }

  async #work(
    pool: TaskPool,
    { open: { batch, outcomes }, row }: Omit<WaitingRow, 'input'>,
    values: TaskRow,
  ): Promise<void> {
    try {
      outcomes[row] = await pool.run(values)
      this.#plan.onRows(--this.#rows)
    } catch (cause) {
      this.#crash ??= { cause, ids: [] }
      if (cause === this.#crash.cause) this.#crash.ids.push(String(column(batch, 'id').get(row)))
    }
    this.#fill()
    this.#bell.resolve()
  }

  /** A thread that dies takes all rows along that are in work there: one of them may be the reason. */
  #crashed({ cause, ids }: { cause: unknown; ids: readonly string[] }): unknown {
    if (!(cause instanceof WorkerError)) return cause
    const rows = ids.map((id) => `\`${id}\``).join(' or ')
    return new WorkerError(`${cause.message} (${this.#plan.names.join(', ')} of ${rows})`, {
      cause,
    })
  }
}

function roomFor(bytes: number): TaskSetup['room'] {
  return { bytes, shared: new PixelRoom(bytes).shared }
}

function isDone(open: OpenBatch | Control): boolean {
  return open instanceof Control || !open.outcomes.includes(undefined)
}

function openRows(open: readonly (OpenBatch | Control)[]): number {
  return open.reduce((sum, o) => sum + (o instanceof Control ? 0 : o.outcomes.length), 0)
}
