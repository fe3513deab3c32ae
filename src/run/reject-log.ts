import { join } from 'node:path'
import { Field, Int32, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { batchOf, int32Column, textColumn } from '../batch/batch.ts'
import type { Barrier, Control, Reject, Rejects } from '../flow/control.ts'
import { RejectLimitError } from '../errors.ts'
import { Deferred } from '../flow/deferred.ts'
import { Flow, flowOf, type Pull } from '../flow/flow.ts'
import { noCounts, type Saved } from '../flow/saved.ts'
import { RejectFile, type RejectMark } from './reject-file.ts'
import { rejectLane, type Run } from './run-state.ts'

/** Columns of a table of rejects. */
export const rejectSchema = new Schema([
  ...['id', 'operator', 'code', 'message'].map((name) => new Field(name, new Utf8(), true)),
  new Field('attempt', new Int32(), true),
])

/** Key of the schema's metadata that says which command made the rejects. */
export const commandKey = 'millrace.replay'

/** Rows that have to be read before the reject ratio counts. */
const fewRows = 100

/** How a {@link RejectLog} is set up. */
export interface RejectLogOptions {
  /** Names of the flows of the run. */
  readonly flows: readonly string[]
  /** Whether rejects come out in the order of the flows, at the end; else as they arrive, or with the checkpoint that they are part of. */
  readonly ordered: boolean
  /** See `RunOptions`. */
  readonly maxRatio: number
  /** See `RunOptions`. */
  readonly command?: string | undefined
  /** Rows read so far. */
  readonly rowsRead: () => number
}

/** What a checkpoint has of a lane. */
interface LaneState extends RejectMark {
  readonly read: number
  /** Ids of the rows to be done again that have not come. */
  readonly missing?: readonly string[]
}

/** The rejects of one flow. */
interface Lane {
  readonly key: string
  readonly file: RejectFile
  /** Bytes that have been read out. */
  read: number
}

/**
 * Takes the rejects that arrive at the ends of a run's flows, counts them, keeps them in a file
 * for each, and is a flow of them.
 *
 * - Order: those of the first flow, then of the second …, as they arrived. Of flows that do not end:
 *   as they arrive; with checkpoints, those of a checkpoint with it.
 * - Checkpoints: how far each file goes is part of them.
 * - Memory: a batch. Disk: all of them, about as many bytes as their texts.
 */
export class RejectLog {
  /** The rejects as batches of {@link rejectSchema}; the first has no rows, so that a sink sees the schema. */
  readonly flow: Flow<RecordBatch>
  readonly #options: RejectLogOptions
  readonly #run: Run
  readonly #seen = new WeakSet<Rejects>()
  readonly #lanes: readonly Lane[]
  #count = 0
  #closed = false
  #passing: Barrier | undefined
  #arrived = new Deferred()

  constructor(options: RejectLogOptions, run: Run) {
    this.#options = options
    this.#run = run
    this.flow = rejectFlow(options, ({ signal }) => this.#batches(signal))
    this.#lanes = options.flows.map((name, i) => {
      const key = `${rejectLane}@${name}`
      const saved = run.restored(key)?.state as LaneState | undefined
      if (saved?.missing) run.only?.restore(saved.missing)
      async function path(): Promise<string> {
        return join(await run.folder(), `rejects-${String(i + 1)}.jsonl`)
      }
      return { key, file: new RejectFile(path, run.disk, saved), read: saved?.read ?? 0 }
    })
    this.#count = this.#lanes.reduce((sum, { file }) => sum + file.end.rows, 0)
  }

  /** How many rejects arrived. */
  get count(): number {
    return this.#count
  }

  /**
   * Takes rejects that arrived at the end of flow number `flow`. A message that came down several
   * branches counts once.
   *
   * @throws {RejectLimitError} if the run has more of them than it allows
   */
  async take(rejects: Rejects, flow: number): Promise<void> {
    if (this.#seen.has(rejects)) return
    this.#seen.add(rejects)
    await this.#append(rejects.rows, flow)
  }

  /** Takes the rows that were to be done again and have not come, as rejects of the first flow. */
  async takeMissing(): Promise<void> {
    const missing = this.#run.only?.missing ?? []
    const message = 'Expected the row in the sources again, got none with its id'
    const rows = missing.map((id) => ({ id, operator: 'replay', code: 'MISSING', message }))
    if (rows.length === 0) return
    await this.#append(
      rows.map((row) => ({ ...row, attempt: 1 })),
      0,
    )
    this.#run.only?.restore([])
  }

  async #append(given: readonly Reject[], flow: number): Promise<void> {
    const { only } = this.#run
    const rows = only ? given.map((reject) => only.counted(reject)) : given
    this.#count += rows.length
    if (!only) this.#refuseTooMany(rows)
    await this.#lanes[flow]?.file.append(rows)
    this.#arrived.resolve()
  }

  /** Puts into the states of a barrier that has arrived at the end of flow number `flow` how far its rejects go. */
  async save(states: Map<string, Saved>, flow: number): Promise<void> {
    const lane = this.#lanes[flow]
    if (!lane || states.has(lane.key)) return
    const state = stateOf(lane, this.#run.only?.missing)
    await lane.file.sync()
    states.set(lane.key, state)
  }

  /** The same for every flow that has ended. */
  async saveAll(states: Map<string, Saved>): Promise<void> {
    for (const flow of this.#lanes.keys()) await this.save(states, flow)
  }

  /** Lets a barrier that has come through everywhere follow the rejects up to it, which are read out. */
  async pass(barrier: Barrier): Promise<void> {
    await this.saveAll(barrier.states)
    this.#passing = barrier
    this.#arrived.resolve()
  }

  /** Ends {@link RejectLog.flow} when what arrived has been read. */
  close(): void {
    this.#closed = true
    this.#arrived.resolve()
  }

  /** Closes the files. */
  async end(): Promise<void> {
    for (const { file } of this.#lanes) await file.close()
  }

  #refuseTooMany(rows: readonly Reject[]): void {
    const { maxRatio } = this.#options
    const read = this.#options.rowsRead()
    if (read < fewRows || this.#count <= maxRatio * read) return
    const last = rows.at(-1)
    const reason = last ? `; the last, \`${last.id}\`, from ${last.operator}: ${last.message}` : ''
    throw new RejectLimitError(
      `Expected at most ${String(maxRatio * 100)} % of rows to be rejects, got ${String(this.#count)} of ${String(read)}${reason}`,
    )
  }

  /** How far the rejects of `lane` may be read out now. */
  #readable({ key, file, read }: Lane): number {
    if (this.#closed) return file.end.bytes
    if (this.#options.ordered) return read
    if (!this.#run.durable) return file.end.bytes
    const mark = this.#passing?.states.get(key)?.state as RejectMark | undefined
    return mark?.bytes ?? read
  }

  #batch(rows: readonly Reject[]): RecordBatch {
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
    return batchOf([...texts, attempts], schemaOf(this.#options.command))
  }

  async *#batches(signal: AbortSignal): AsyncGenerator<RecordBatch | Control> {
    signal.addEventListener('abort', () => {
      this.#arrived.resolve()
    })
    yield this.#batch([])
    while (!signal.aborted) {
      this.#arrived = new Deferred()
      const closed = this.#closed
      const barrier = this.#passing
      for (const lane of this.#lanes) {
        const to = this.#readable(lane)
        for await (const rows of lane.file.read(lane.read, to)) yield this.#batch(rows)
        lane.read = to
      }
      if (barrier) {
        this.#passing = undefined
        for (const lane of this.#lanes) noteRead(barrier, lane)
        yield barrier
      } else if (!closed) await this.#arrived.promise
      else if (!this.#passing) return
    }
  }
}

/** {@link rejectSchema}, with the command that made the rejects if that is known. */
function schemaOf(command: string | undefined): Schema {
  if (command === undefined) return rejectSchema
  return new Schema(rejectSchema.fields, new Map([[commandKey, command]]))
}

/** The rejects as a part of the plan, in front of their sink. */
export function rejectFlow(
  { ordered, command }: Pick<RejectLogOptions, 'ordered' | 'command'>,
  pull: Pull<RecordBatch> = () => flowOf<RecordBatch>([]),
): Flow<RecordBatch> {
  return new Flow(pull, {
    name: 'rejects',
    role: 'source',
    bounded: ordered,
    schema: () => schemaOf(command),
  })
}

function stateOf({ file, read }: Lane, missing: readonly string[] | undefined): Saved {
  const state: LaneState = { ...file.end, read, ...(missing && { missing }) }
  return { counts: noCounts, ended: false, state }
}

/** Up to where the sink, which `barrier` comes to next, has been given the rejects. */
function noteRead(barrier: Barrier, { key, read }: Lane): void {
  const saved = barrier.states.get(key)
  if (saved) barrier.states.set(key, { ...saved, state: { ...(saved.state as LaneState), read } })
}
