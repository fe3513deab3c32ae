import { Field, Int32, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { batchOf, int32Column, textColumn } from '../batch/batch.ts'
import type { Reject, Rejects } from '../flow/control.ts'
import { RejectLimitError } from '../errors.ts'
import { Deferred } from '../flow/deferred.ts'
import { Flow } from '../flow/flow.ts'

/** Columns of a table of rejects. */
export const rejectSchema = new Schema([
  ...['id', 'operator', 'code', 'message'].map((name) => new Field(name, new Utf8(), true)),
  new Field('attempt', new Int32(), true),
])

/** Rows that have to be read before the reject ratio counts. */
const fewRows = 100

/** How a {@link RejectLog} is set up. */
export interface RejectLogOptions {
  /** How many flows the run has. */
  readonly flows: number
  /** Whether rejects come out in the order of the flows; else as they arrive. */
  readonly ordered: boolean
  /** Whether somebody reads {@link RejectLog.flow}. */
  readonly read: boolean
  /** See `RunOptions`. */
  readonly maxRatio: number
  /** Rows read so far. */
  readonly rowsRead: () => number
}

/**
 * Takes the rejects that arrive at the ends of a run's flows, counts them, and is a flow of them.
 *
 * - Order: those of the first flow, then of the second …; within a flow as they arrive. Of flows
 *   that do not end: as they arrive.
 * - Memory: one batch waits to be read. Rejects of a flow whose turn has not come are held.
 */
export class RejectLog {
  /** The rejects as batches of {@link rejectSchema}; the first has no rows, so that a sink sees the schema. */
  readonly flow: Flow<RecordBatch> = new Flow<RecordBatch>(() => this.#batches(), {
    name: 'rejects',
    role: 'source',
    schema: () => rejectSchema,
  })
  readonly #options: RejectLogOptions
  readonly #seen = new WeakSet<Rejects>()
  readonly #held: (readonly Reject[])[][]
  readonly #ended: boolean[]
  #turn = 0
  #count = 0
  #closed = false
  #next: readonly Reject[] | undefined
  #arrived = new Deferred()
  #taken = new Deferred()

  constructor(options: RejectLogOptions) {
    this.#options = options
    this.#held = Array.from({ length: options.flows }, () => [])
    this.#ended = this.#held.map(() => false)
  }

  /** How many rejects arrived. */
  get count(): number {
    return this.#count
  }

  /**
   * Takes rejects that arrived at the end of flow number `flow`, and waits until they may be let go.
   * A message that came down several branches counts once.
   *
   * @throws {RejectLimitError} if the run has more of them than it allows
   */
  async take(rejects: Rejects, flow: number): Promise<void> {
    if (this.#seen.has(rejects)) return
    this.#seen.add(rejects)
    this.#count += rejects.rows.length
    this.#refuseTooMany(rejects)
    if (!this.#options.read) return
    if (this.#options.ordered && flow !== this.#turn) this.#held[flow]?.push(rejects.rows)
    else await this.#hand(rejects.rows)
  }

  /** Notes that flow number `flow` has ended. */
  async end(flow: number): Promise<void> {
    this.#ended[flow] = true
    while (this.#ended[this.#turn]) {
      this.#turn++
      for (const rows of this.#held[this.#turn]?.splice(0) ?? []) await this.#hand(rows)
    }
  }

  /** Ends {@link RejectLog.flow} when what arrived has been read. */
  close(): void {
    this.#closed = true
    this.#arrived.resolve()
    this.#taken.resolve()
  }

  #refuseTooMany({ rows }: Rejects): void {
    const { maxRatio } = this.#options
    const read = this.#options.rowsRead()
    if (read < fewRows || this.#count <= maxRatio * read) return
    const last = rows.at(-1)
    const reason = last ? `; the last, \`${last.id}\`, from ${last.operator}: ${last.message}` : ''
    throw new RejectLimitError(
      `Expected at most ${String(maxRatio * 100)} % of rows to be rejects, got ${String(this.#count)} of ${String(read)}${reason}`,
    )
  }

  async #hand(rows: readonly Reject[]): Promise<void> {
    while (this.#next && !this.#closed) await this.#taken.promise
    if (this.#closed) return
    this.#next = rows
    this.#arrived.resolve()
  }

  async *#batches(): AsyncGenerator<RecordBatch> {
    yield rejectBatch([])
    for (;;) {
      const rows = this.#next
      if (rows) {
        this.#next = undefined
        this.#taken.resolve()
        this.#taken = new Deferred()
        yield rejectBatch(rows)
      } else if (this.#closed) return
      else {
        this.#arrived = new Deferred()
        await this.#arrived.promise
      }
    }
  }
}

function rejectBatch(rows: readonly Reject[]): RecordBatch {
  const texts = (['id', 'operator', 'code', 'message'] as const).map((name) =>
    textColumn(
      name,
      rows.map((row) => row[name]),
    ),
  )
  const attempts = int32Column(
    'attempt',
    rows.map((row) => row.attempt),
  )
  return batchOf([...texts, attempts], rejectSchema)
}
