import { availableParallelism } from 'node:os'
import type { Field, RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { column, take, withColumns, withoutHeavy } from '../batch/batch.ts'
import type { Context } from '../flow/context.ts'
import { Barrier, Control, type Reject, Rejects } from '../flow/control.ts'
import { DataError } from '../errors.ts'
import { Flow, flowOf } from '../flow/flow.ts'
import { memoryOf } from '../flow/memory.ts'
import { wanting } from '../flow/operate.ts'
import { reading } from '../flow/reading.ts'
import { type OpenBatch, RowLine } from './row-line.ts'
import type { Counts } from '../flow/saved.ts'
import type { Slot } from '../flow/slot.ts'
import { release, slotOf } from '../flow/slot-of.ts'
import { columnOf } from './row-values.ts'
import { isHeavy, requireField, schemaWith } from '../batch/schema.ts'
import { buffersOf, type TaskRow } from './task.ts'

/** What becomes of a row that cannot be processed: the stream fails, the row becomes a reject, or it is left out and counted. */
export type OnError = (typeof onErrorChoices)[number]

/** The choices for {@link OnError}. */
export const onErrorChoices = ['fail', 'reject', 'drop'] as const

/** What the threads of a chain hold of decoded pictures, in bytes; one that is larger goes alone. */
const roomRange = { least: 2 ** 25, most: 2 ** 28 }

/** An operator whose rows are worked on one by one in worker threads. */
export interface RowTaskSpec {
  /** Name in plans, counters and rejects. */
  readonly name: string
  /** Module that does the work: its name in `src/tasks/`, or the URL of a JavaScript module that exports `start`. */
  readonly task: string
  /** Passed to the module's `start` in each thread; anything `structuredClone` takes. */
  readonly options: Readonly<Record<string, unknown>>
  /** Columns that the task reads. */
  readonly reads: readonly string[]
  /** One of `reads` that may be pictures of any type; see `src/pictures/samples.ts`. */
  readonly samples?: string
  /** Names of the columns that it adds or replaces. */
  readonly makes: readonly string[]
  /** Checks the input and returns the fields of `makes`. Throws {@link SchemaError}. */
  readonly fields: (input: Schema) => readonly Field[] | Promise<readonly Field[]>
  /** What becomes of a row at fault. */
  readonly onError: OnError
}

/** What a chain of tasks reads, and the flows that its tasks were built as, in order. */
export interface TaskChain {
  /** The flow before the first task. */
  readonly source: Flow<RecordBatch>
  /** One for each task. */
  readonly stages: readonly TaskFlow[]
}

/** The flow after one or more row tasks. A task applied to it joins the chain instead of starting threads of its own. */
export class TaskFlow extends Flow<RecordBatch> {
  /** The last task of the chain. */
  readonly spec: RowTaskSpec
  /** The tasks up to this one. */
  readonly chain: TaskChain

  constructor(spec: RowTaskSpec, input: Flow<RecordBatch>) {
    const before = input instanceof TaskFlow ? input.chain : { source: input, stages: [] }
    const stages: TaskFlow[] = [...before.stages]
    const chain = { source: before.source, stages }
    super((context) => work(chain, context), {
      name: spec.name,
      role: 'operator',
      inputs: [input],
      reads: spec.reads,
      schema: async ([schema]) =>
        schemaWith(schema as Schema, await checkedFields(spec, schema as Schema)),
      settings: { ...spec.options, onError: spec.onError },
      // One window for the chain, stated by its first task.
      memoryBytes: stages.length === 0 ? roomRange : 0,
    })
    stages.push(this)
    this.spec = spec
    this.chain = chain
  }
}

/**
 * Builds an operator from a task that works on one row at a time, in worker threads. Row tasks
 * in sequence fuse: one thread takes a row through all of them, and what only they need (pixels)
 * never leaves it.
 *
 * - Rows: n to at most n, in order, in the batches of the input less the rows that failed; a batch
 *   that would hold more than 256 MiB of pictures is cut.
 * - Concurrency: as many threads as the run allows (default: the cores), two rows in work in each.
 * - State: two batches of the input, or more if they are so small that threads would be idle; with them
 *   what the threads hold of decoded pictures: 256 MiB, or what the run's memory allows, or one picture that is
 *   larger. Batches are bounded in bytes by the source.
 * - Ending early lets the rows in work end, then the threads; the reader does not wait for that.
 */
export function rowTask(spec: RowTaskSpec): OperatorFunction<RecordBatch, RecordBatch> {
  return (input) => new TaskFlow(spec, flowOf(input))
}

async function* work(chain: TaskChain, context: Context): AsyncGenerator<RecordBatch | Control> {
  const { run, signal } = context
  const slots = chain.stages.map((stage) => slotOf(stage, stage.spec.name, context))
  if (slots.at(-1)?.over) {
    release([chain.source], context)
    return
  }
  const counts = slots.map((slot) => slot.counts)
  const specs = chain.stages.map(({ spec }) => spec)
  const reads = columnsRead(specs)
  const line = new RowLine(reading(chain.source, wanting(context, reads)), {
    names: specs.map(({ name }) => name),
    tasks: specs.map(({ task, options }) => ({ module: task, options })),
    reads,
    samples: specs.flatMap(({ samples }) => samples ?? []),
    adds: async (input) => (await added(specs, input)).filter((f) => isWanted(f, context)),
    kept: (input) => withoutHeavy(input, context.columns),
    threads: run?.threads ?? availableParallelism(),
    roomBytes: memoryOf(chain.stages[0] as TaskFlow, context),
    onRows: rowsMarked(slots),
    signal,
  })
  for await (const done of line.results()) {
    if (done instanceof Barrier) for (const slot of slots) slot.save(done)
    if (done instanceof Control) yield done
    else yield* finished(done, specs, counts)
  }
  if (!signal.aborted) for (const slot of slots) slot.end()
}

/** One thread takes a row through all tasks, so what stands still is the chain: its last slot says so for all. */
function rowsMarked(slots: readonly Slot[]): (rows: number) => void {
  const slot = slots.at(-1) as Slot
  slot.label = slots.map(({ key }) => key).join(' + ')
  return (rows) => {
    slot.doing = rows > 0 ? 'works' : 'waits'
    slot.moves++
  }
}

/** Rejects name rows by their id, so every task needs it. */
function checkedFields(
  spec: RowTaskSpec,
  input: Schema,
): readonly Field[] | Promise<readonly Field[]> {
  requireField(input, 'id', { owner: spec.name, kind: 'text' })
  return spec.fields(input)
}

/** The fields that the tasks add, in the order in which they first come up. */
async function added(specs: readonly RowTaskSpec[], input: Schema): Promise<readonly Field[]> {
  const fields = new Map<string, Field>()
  let schema = input
  for (const spec of specs) {
    const adds = await checkedFields(spec, schema)
    for (const field of adds) fields.set(field.name, field)
    schema = schemaWith(schema, adds)
  }
  return [...fields.values()]
}

function isWanted(field: Field, { columns }: Context): boolean {
  return !columns || !isHeavy(field) || columns.has(field.name)
}

/** What the chain reads of its input: not what an earlier task makes. */
function columnsRead(specs: readonly RowTaskSpec[]): readonly string[] {
  const reads = new Set<string>()
  const made = new Set<string>()
  for (const spec of specs) {
    for (const name of spec.reads) if (!made.has(name)) reads.add(name)
    for (const name of spec.makes) made.add(name)
  }
  return [...reads]
}

function* finished(
  open: OpenBatch,
  specs: readonly RowTaskSpec[],
  counts: readonly Counts[],
): Generator<RecordBatch | Control> {
  const { kept, values, rejects, failed } = sorted(open, specs)
  const rows = open.outcomes.length
  count(counts, specs, { rows, failed })
  for (const [from, to] of rows === 0 ? [[0, 0] as const] : pieces(values)) {
    const rest = to - from === rows ? open.batch : take(open.batch, kept.slice(from, to))
    const part = values.slice(from, to)
    yield withColumns(
      rest,
      open.adds.map((field) =>
        columnOf(
          field,
          part.map((row) => row[field.name] ?? null),
        ),
      ),
    )
  }
  if (rejects.length > 0) yield new Rejects(rejects)
}

/**
 * The reject of a row at fault; undefined where it is left out.
 *
 * @throws {DataError} if the stream is to fail
 */
export function refused(onError: OnError, fault: Omit<Reject, 'attempt'>): Reject | undefined {
  const { id, operator, message } = fault
  if (onError === 'fail') throw new DataError(`${message} (${operator} of \`${id}\`)`, { url: id })
  return onError === 'reject' ? { ...fault, attempt: 1 } : undefined
}

/** What became of a batch's rows. */
interface Sorted {
  readonly kept: number[]
  /** What the tasks made of each row kept. */
  readonly values: TaskRow[]
  readonly rejects: Reject[]
  /** Rows at fault for each task. */
  readonly failed: number[]
}

function sorted({ batch, outcomes }: OpenBatch, specs: readonly RowTaskSpec[]): Sorted {
  const ids = column(batch, 'id')
  const out: Sorted = { kept: [], values: [], rejects: [], failed: specs.map(() => 0) }
  for (const [row, outcome] of outcomes.entries()) {
    if (outcome && 'row' in outcome) {
      out.kept.push(row)
      out.values.push(outcome.row)
    } else if (outcome) {
      const { failedAt, code, message } = outcome
      const { name: operator, onError } = specs[failedAt] as RowTaskSpec
      const reject = refused(onError, { id: String(ids.get(row)), operator, code, message })
      if (reject) out.rejects.push(reject)
      out.failed[failedAt] = (out.failed[failedAt] ?? 0) + 1
    }
  }
  return out
}

/** Bytes of pictures at which a batch is cut: the offsets of an Arrow column end at 2 GiB. */
const pieceBytes = 2 ** 28

/** Ranges of rows of which the buffers fit into one batch. */
function* pieces(rows: readonly TaskRow[]): Generator<readonly [from: number, to: number]> {
  let from = 0
  let bytes = 0
  for (const [at, row] of rows.entries()) {
    const more = buffersOf(row).reduce((sum, buffer) => sum + buffer.byteLength, 0)
    if (at > from && bytes + more > pieceBytes) {
      yield [from, at]
      from = at
      bytes = 0
    }
    bytes += more
  }
  if (from < rows.length) yield [from, rows.length]
}

/** A row that fails at one task was kept by those before it and never came to those after it. */
function count(
  counts: readonly Counts[],
  specs: readonly RowTaskSpec[],
  { rows, failed }: { rows: number; failed: readonly number[] },
): void {
  let left = rows
  counts.forEach((counter, at) => {
    const lost = failed[at] ?? 0
    counter.rowsIn += left
    counter[specs[at]?.onError === 'drop' ? 'dropped' : 'rejected'] += lost
    counter.rowsKept += left - lost
    left -= lost
  })
}
