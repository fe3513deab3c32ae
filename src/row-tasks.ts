import { availableParallelism } from 'node:os'
import type { Field, RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { column, take, withColumns, withoutHeavy } from './batch.ts'
import type { Context } from './context.ts'
import { Control, type Reject, Rejects } from './control.ts'
import { DataError } from './errors.ts'
import { Flow, flowOf } from './flow.ts'
import { wanting } from './operate.ts'
import { type OpenBatch, RowLine } from './row-line.ts'
import type { Counts } from './run-state.ts'
import { columnOf } from './row-values.ts'
import { isHeavy, requireField, schemaWith } from './schema.ts'
import type { TaskRow } from './tasks/task.ts'

/** What becomes of a row that cannot be processed: the stream fails, the row becomes a reject, or it is left out and counted. */
export type OnError = 'fail' | 'reject' | 'drop'

/** The choices for {@link OnError}. */
export const onErrorChoices = ['fail', 'reject', 'drop'] as const

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
  /** Names of the columns that it adds or replaces. */
  readonly makes: readonly string[]
  /** Checks the input and returns the fields of `makes`. Throws {@link SchemaError}. */
  readonly fields: (input: Schema) => readonly Field[] | Promise<readonly Field[]>
  /** What becomes of a row at fault. */
  readonly onError: OnError
  /** Most bytes that the task holds for a row; two rows per thread are in work. */
  readonly rowBytes?: number
}

/** One use of a task in a pipeline; its identity is the key of the counters. */
interface Stage {
  readonly spec: RowTaskSpec
}

interface Chain {
  readonly source: Flow<RecordBatch>
  readonly stages: readonly Stage[]
}

/** The flow after one or more row tasks. A task applied to it joins the chain instead of starting threads of its own. */
export class TaskFlow extends Flow<RecordBatch> {
  /** What the chain reads, and its tasks in order. */
  readonly chain: Chain

  constructor(chain: Chain, previous: Flow<RecordBatch>) {
    const { spec } = chain.stages.at(-1) as Stage
    super((context) => work(chain, context), {
      name: spec.name,
      role: 'operator',
      inputs: [previous],
      reads: spec.reads,
      schema: async ([input]) =>
        schemaWith(input as Schema, await checkedFields(spec, input as Schema)),
      settings: spec.options,
      ...(spec.rowBytes !== undefined && {
        memoryBytes: 2 * availableParallelism() * spec.rowBytes,
      }),
    })
    this.chain = chain
  }
}

/**
 * Builds an operator from a task that works on one row at a time, in worker threads. Row tasks
 * in sequence fuse: one thread takes a row through all of them, and what only they need (pixels)
 * never leaves it.
 *
 * - Rows: n to at most n, in order, in the batches of the input less the rows that failed.
 * - Concurrency: as many threads as the run allows (default: the cores), two rows in work in each.
 * - State: two batches of the input, or more if they are so small that threads would be idle; with them
 *   `rowBytes` for each row in work. Batches are bounded in bytes by the source.
 * - Ending early lets the rows in work end, then the threads; the reader does not wait for that.
 */
export function rowTask(spec: RowTaskSpec): OperatorFunction<RecordBatch, RecordBatch> {
  return (input) => {
    const source = flowOf(input)
    const before = source instanceof TaskFlow ? source.chain : { source, stages: [] }
    return new TaskFlow({ source: before.source, stages: [...before.stages, { spec }] }, source)
  }
}

async function* work(chain: Chain, context: Context): AsyncGenerator<RecordBatch | Control> {
  const counts = chain.stages
    .map((stage) => context.run?.key(stage, stage.spec.name))
    .map((key) => (key === undefined ? undefined : context.run?.count(key)))
  const specs = chain.stages.map(({ spec }) => spec)
  const reads = columnsRead(specs)
  const line = new RowLine(chain.source.pull(wanting(context, reads)), {
    tasks: specs.map(({ task, options }) => ({ module: task, options })),
    reads,
    adds: async (input) => (await added(specs, input)).filter((f) => isWanted(f, context)),
    threads: context.run?.threads ?? availableParallelism(),
    signal: context.signal,
  })
  for await (const done of line.results()) {
    if (done instanceof Control) yield done
    else yield* finished(done, specs, counts, context)
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
  { batch, adds, outcomes }: OpenBatch,
  specs: readonly RowTaskSpec[],
  counts: readonly (Counts | undefined)[],
  context: Context,
): Generator<RecordBatch | Control> {
  const ids = column(batch, 'id')
  const kept: number[] = []
  const values: TaskRow[] = []
  const rejects: Reject[] = []
  const failed = specs.map(() => 0)
  outcomes.forEach((outcome, row) => {
    if (!outcome) return
    if ('row' in outcome) {
      kept.push(row)
      values.push(outcome.row)
      return
    }
    const { failedAt, code, message } = outcome
    const { name: operator, onError } = specs[failedAt] as RowTaskSpec
    const id = String(ids.get(row))
    if (onError === 'fail')
      throw new DataError(`${message} (${operator} of \`${id}\`)`, { url: id })
    failed[failedAt] = (failed[failedAt] ?? 0) + 1
    if (onError === 'reject') rejects.push({ id, operator, code, message, attempt: 1 })
  })
  count(counts, specs, { rows: outcomes.length, failed })
  const carried = withoutHeavy(batch, context.columns)
  if (kept.length > 0 || outcomes.length === 0) {
    const rest = kept.length === outcomes.length ? carried : take(carried, kept)
    yield withColumns(
      rest,
      adds.map((field) =>
        columnOf(
          field,
          values.map((v) => v[field.name] ?? null),
        ),
      ),
    )
  }
  if (rejects.length > 0) yield new Rejects(rejects)
}

/** A row that fails at one task was kept by those before it and never came to those after it. */
function count(
  counts: readonly (Counts | undefined)[],
  specs: readonly RowTaskSpec[],
  { rows, failed }: { rows: number; failed: readonly number[] },
): void {
  let left = rows
  counts.forEach((counter, at) => {
    const lost = failed[at] ?? 0
    if (counter) {
      counter.rowsIn += left
      counter[specs[at]?.onError === 'drop' ? 'dropped' : 'rejected'] += lost
      counter.rowsKept += left - lost
    }
    left -= lost
  })
}
