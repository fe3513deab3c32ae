import { RecordBatch, type Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { withoutHeavy } from '../batch/batch.ts'
import { ChildSignal } from './child-signal.ts'
import { concurrently, marked, oneByOne, type Work } from './concurrently.ts'
import type { Context } from './context.ts'
import { Control, Rejects } from './control.ts'
import { Flow, type FlowInfo, flowOf } from './flow.ts'
import { memoryOf } from './memory.ts'
import { nonEmptyString, positiveInteger } from '../options.ts'
import { reading } from './reading.ts'
import type { Counts } from './saved.ts'
import type { Slot } from './slot.ts'
import { release, slotOf } from './slot-of.ts'
import { failPoint } from '../run/fail-point.ts'

/** What one subscription does with its input. A generator is the usual way to write each part. */
export interface Step<T, R, S = unknown> {
  /**
   * Called per value; yields what goes downstream, {@link Rejects} for rows that fail.
   * Throwing fails the stream. With `concurrency` above 1 it is called again before it has ended.
   */
  readonly next: (value: T) => Iterable<R | Control> | AsyncIterable<R | Control>
  /** Called once, when the input completes; yields what is still held. */
  readonly flush?: () => Iterable<R | Control> | AsyncIterable<R | Control>
  /** Called at a barrier, when all values before it are answered; returns the state: anything `structuredClone` takes. */
  readonly snapshot?: () => S | Promise<S>
  /** Called before the first value, with the state to go on from. */
  readonly restore?: (state: S) => void | Promise<void>
  /** Called last, however the stream ends. */
  readonly close?: () => void | Promise<void>
}

/** What an operator is told of its place in a run. */
export interface OperatorPlace {
  /** Key of its slot, unique in the run. */
  readonly key: string
  /** What it may hold of the memory that it states. */
  readonly memoryBytes: number
}

/** An operator: what it is called, what it does to the schema, and how it starts. */
export interface OperateSpec<T, R> {
  /** Name in plans, counters and rejects. */
  readonly name: string
  /** Runs once per subscription, so two uses of one operator never share state. */
  readonly start: (context: Context, place: OperatorPlace) => Step<T, R>
  /** The schema that comes out; throws {@link SchemaError} when the input lacks something. */
  readonly schema?: (input: Schema) => Schema | Promise<Schema>
  /** Heavy columns that it reads. */
  readonly reads?: readonly string[]
  /** See {@link FlowInfo}; for an operator that renames or leaves out columns. */
  readonly wants?: FlowInfo['wants']
  /**
   * Values in work at a time; also the bound on values held.
   *
   * @default 1
   */
  readonly concurrency?: number
  /**
   * Whether answers come out in the order of the values.
   *
   * @default true
   */
  readonly ordered?: boolean
  /**
   * Of an operator that makes several rows of one: how many rows of the input come out for the first time in a batch.
   *
   * @default every row of the batch is one of the input
   */
  readonly sourceRows?: (made: RecordBatch) => number
  /** See {@link FlowInfo}. */
  readonly memoryBytes?: FlowInfo['memoryBytes']
  /** See {@link FlowInfo}. */
  readonly holds?: FlowInfo['holds']
  /** See {@link FlowInfo}. */
  readonly learns?: boolean
  /** See {@link FlowInfo}. */
  readonly saves?: FlowInfo['saves']
  /** See {@link FlowInfo}. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/**
 * Builds an operator from a step.
 *
 * - Order: as the input's, unless `ordered` is false.
 * - Concurrency: at most `concurrency` values are in work or wait for their turn, each with at most
 *   4 answers; nothing else is held.
 * - Columns: heavy ones that nobody after it wants are dropped.
 * - Barriers: pass when everything before them is answered.
 * - An early end skips `flush`; `close` comes when all work has ended.
 *
 * @throws {OptionError} at the call, if `name` is empty or `concurrency` below 1
 */
export function operate<T, R>(
  given: OperateSpec<T, R> | (() => Step<T, R>),
): OperatorFunction<T, R> {
  const spec: OperateSpec<T, R> =
    typeof given === 'function' ? { name: given.name || 'operate', start: given } : given
  nonEmptyString('name', spec.name)
  positiveInteger('concurrency', spec.concurrency ?? 1)
  const { name, schema, wants, sourceRows, memoryBytes, holds, learns, saves, settings } = spec

  return (source) => {
    const input = flowOf(source)
    const flow: Flow<R> = new Flow(
      (context) => running(spec, { flow, input }, slotOf(flow, name, context), context),
      {
        name,
        role: 'operator',
        inputs: [input],
        reads: spec.reads ?? [],
        ...(schema && { schema: ([first]) => schema(first as Schema) }),
        ...(sourceRows && { expands: true }),
        ...(wants && { wants }),
        ...(memoryBytes !== undefined && { memoryBytes }),
        ...(holds !== undefined && { holds }),
        ...(learns !== undefined && { learns }),
        saves,
        ...(settings && { settings }),
      },
    )
    return flow
  }
}

/** The context for upstream: the heavy columns in `reads` are wanted too, the others as `wants` says. */
export function wanting(
  context: Context,
  reads: readonly string[],
  wants?: FlowInfo['wants'],
): Context {
  const { columns } = context
  if (!columns || (reads.length === 0 && !wants)) return context
  return { ...context, columns: new Set([...(wants?.(columns) ?? columns), ...reads]) }
}

async function* running<T, R>(
  spec: OperateSpec<T, R>,
  { flow, input }: { readonly flow: Flow<R>; readonly input: Flow<T> },
  slot: Slot,
  context: Context,
): AsyncGenerator<R | Control> {
  if (slot.over) {
    release([input], context)
    return
  }
  const { start, reads = [], wants, concurrency = 1, ordered = true, sourceRows = allRows } = spec
  const { counts } = slot
  const making = { slot, columns: context.columns, sourceRows }
  const child = new ChildSignal(context.signal)
  const upstream = { ...wanting(context, reads, wants), signal: child.signal }
  const place = { key: slot.key, memoryBytes: memoryOf(flow, context) }
  const step = start({ ...context, signal: child.signal }, place)
  const work: Work<T, R> = {
    child,
    slot,
    answers(value) {
      slot.moves++
      if (value instanceof RecordBatch) counts.rowsIn += value.numRows
      return answered(step.next(value), making)
    },
    async save(barrier) {
      failPoint('operator: at a barrier')
      slot.doing = 'saves'
      slot.save(barrier, await step.snapshot?.())
      slot.doing = 'given'
      return barrier
    },
  }
  try {
    if (slot.state !== undefined) await step.restore?.(slot.state)
    const values = reading(input, upstream)
    yield* concurrency === 1
      ? oneByOne(values, work)
      : concurrently(values, work, { concurrency, ordered })
    if (context.signal.aborted) return
    if (step.flush) yield* marked(answered(step.flush(), making), slot)
    settle(counts)
    slot.end()
  } finally {
    slot.doing = 'idle'
    child.abort()
    await step.close?.()
  }
}

function allRows(batch: RecordBatch): number {
  return batch.numRows
}

/** How what a step made is counted, and which heavy columns are wanted of it. */
interface Making {
  readonly slot: Slot
  readonly columns: ReadonlySet<string> | undefined
  readonly sourceRows: (made: RecordBatch) => number
}

/** Counts what a step made, and drops the heavy columns that nobody wants. */
function answered<R>(
  made: Iterable<R | Control> | AsyncIterable<R | Control>,
  { slot: { counts }, columns, sourceRows }: Making,
): Iterable<R | Control> | AsyncIterable<R | Control> {
  function pass(value: R | Control): R | Control {
    if (value instanceof Rejects) counts.rejected += value.rows.length
    if (!(value instanceof RecordBatch)) return value
    counts.rowsKept += sourceRows(value)
    return withoutHeavy(value, columns) as R & RecordBatch
  }
  return Symbol.iterator in made ? eachNow(made, pass) : each(made, pass)
}

function* eachNow<R>(made: Iterable<R>, pass: (value: R) => R): Iterable<R> {
  for (const value of made) yield pass(value)
}

async function* each<R>(made: AsyncIterable<R>, pass: (value: R) => R): AsyncIterable<R> {
  for await (const value of made) yield pass(value)
}

/** At the end: an expanding operator kept the rows it did not reject, and what is missing was dropped. */
function settle(counts: Counts): void {
  counts.rowsKept = Math.min(counts.rowsKept, counts.rowsIn - counts.rejected)
  counts.dropped = counts.rowsIn - counts.rowsKept - counts.rejected
}
