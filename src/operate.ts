import { RecordBatch, type Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import type { Context } from './context.ts'
import { Barrier, Control, Rejects } from './control.ts'
import { Deferred, Flow, flowOf } from './flow.ts'
import type { Counts } from './run-state.ts'
import { withoutHeavy } from './batch.ts'

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

/** An operator: what it is called, what it does to the schema, and how it starts. */
export interface OperateSpec<T, R> {
  /** Name in plans, counters and rejects. */
  readonly name: string
  /** Runs once per subscription, so two uses of one operator never share state. */
  readonly start: (context: Context) => Step<T, R>
  /** The schema that comes out; throws {@link SchemaError} when the input lacks something. */
  readonly schema?: (input: Schema) => Schema | Promise<Schema>
  /** Heavy columns that it reads. */
  readonly reads?: readonly string[]
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
  /** See {@link FlowInfo}. */
  readonly memoryBytes?: number
  /** See {@link FlowInfo}. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/**
 * Builds an operator from a step.
 *
 * - Order: as the input's, unless `ordered` is false.
 * - Concurrency: at most `concurrency` values are in work or wait for their turn; nothing else is held.
 * - Barriers: pass when everything before them is answered.
 */
export function operate<T, R>(
  spec: OperateSpec<T, R> | (() => Step<T, R>),
): OperatorFunction<T, R> {
  const {
    name,
    start,
    reads = [],
    concurrency = 1,
    ordered = true,
    ...about
  } = typeof spec === 'function' ? { name: spec.name || 'operate', start: spec } : spec
  const { schema, memoryBytes, settings } = about as Partial<OperateSpec<T, R>>

  return (source) => {
    const input = flowOf(source)
    const flow: Flow<R> = new Flow(
      async function* (context) {
        const key = context.run?.key(flow, name) ?? name
        const counts = context.run?.count(key)
        const step = start(context)
        try {
          await resume(step, context.run?.restored(key))
          const values = counted(input.pull(wanting(context, reads)), counts)
          const work = { step, key, counts, columns: context.columns }
          yield* concurrency === 1
            ? oneByOne(values, work)
            : concurrently(values, work, { concurrency, ordered, signal: context.signal })
          if (context.signal.aborted) return
          if (step.flush) yield* answers(step.flush(), work)
          settle(counts)
          context.run?.settled.add(key)
        } finally {
          await step.close?.()
        }
      },
      {
        name,
        role: 'operator',
        inputs: [input],
        ...(schema && { schema: ([first]) => schema(first as Schema) }),
        ...(memoryBytes !== undefined && { memoryBytes }),
        ...(settings && { settings }),
      },
    )
    return flow
  }
}

/** The context for upstream: the heavy columns in `reads` are wanted too. */
export function wanting(context: Context, reads: readonly string[]): Context {
  if (!context.columns || reads.length === 0) return context
  return { ...context, columns: new Set([...context.columns, ...reads]) }
}

async function resume<T, R>(step: Step<T, R>, state: unknown): Promise<void> {
  if (state !== undefined) await step.restore?.(state)
}

interface Work<T, R> {
  readonly step: Step<T, R>
  readonly key: string
  readonly counts: Counts | undefined
  readonly columns: ReadonlySet<string> | undefined
}

async function* oneByOne<T, R>(
  values: AsyncIterable<T | Control>,
  work: Work<T, R>,
): AsyncGenerator<R | Control> {
  const { step, key } = work
  for await (const value of values) {
    if (value instanceof Barrier) yield await saved(value, key, step)
    else if (value instanceof Control) yield value
    else yield* answers(step.next(value), work)
  }
}

async function saved<T, R>(barrier: Barrier, key: string, step: Step<T, R>): Promise<Barrier> {
  if (step.snapshot) barrier.states.set(key, await step.snapshot())
  return barrier
}

async function* counted<T>(
  values: AsyncIterable<T | Control>,
  counts: Counts | undefined,
): AsyncGenerator<T | Control> {
  for await (const value of values) {
    if (counts && value instanceof RecordBatch) counts.rowsIn += value.numRows
    yield value
  }
}

async function* answers<R>(
  made: Iterable<R | Control> | AsyncIterable<R | Control>,
  { counts, columns }: Pick<Work<unknown, R>, 'counts' | 'columns'>,
): AsyncGenerator<R | Control> {
  for await (const value of made) {
    if (counts && value instanceof RecordBatch) counts.rowsKept += value.numRows
    if (counts && value instanceof Rejects) counts.rejected += value.rows.length
    yield value instanceof RecordBatch ? (withoutHeavy(value, columns) as R & RecordBatch) : value
  }
}

/** At the end: an expanding operator kept the rows it did not reject, and what is missing was dropped. */
function settle(counts: Counts | undefined): void {
  if (!counts) return
  counts.rowsKept = Math.min(counts.rowsKept, counts.rowsIn - counts.rejected)
  counts.dropped = counts.rowsIn - counts.rowsKept - counts.rejected
}

interface Task<R> {
  readonly outputs: (R | Control)[]
  failure?: { readonly cause: unknown }
  done: boolean
}

/** Pulls and works ahead of the reader, with at most `concurrency` values in hand. */
async function* concurrently<T, R>(
  values: AsyncIterable<T | Control>,
  work: Work<T, R>,
  options: { concurrency: number; ordered: boolean; signal: AbortSignal },
): AsyncGenerator<R | Control> {
  const { step, key } = work
  const tasks: Task<R>[] = []
  const iterator = values[Symbol.asyncIterator]()
  let bell = new Deferred()
  let pulling = false
  let ended = false
  /** Waits for all before it; nothing is pulled meanwhile. */
  let held: Control | undefined

  const begin = (value: T): void => {
    const task: Task<R> = { outputs: [], done: false }
    tasks.push(task)
    void gather(answers(step.next(value), work), task).then(() => {
      bell.resolve()
    })
  }
  const pullOne = async (): Promise<void> => {
    pulling = true
    try {
      const result = await iterator.next()
      if (result.done) ended = true
      else if (result.value instanceof Control) held = result.value
      else begin(result.value)
    } catch (cause) {
      tasks.push({ outputs: [], failure: { cause }, done: true })
      ended = true
    }
    pulling = false
    bell.resolve()
  }

  try {
    while (!options.signal.aborted) {
      if (!ended && !pulling && !held && tasks.length < options.concurrency) void pullOne()
      const ready = options.ordered ? 0 : tasks.findIndex((task) => task.done)
      const task = tasks[ready]
      if (task?.done) {
        tasks.splice(ready, 1)
        yield* task.outputs
        if (task.failure) throw task.failure.cause
      } else if (held && tasks.length === 0) {
        const control = held
        held = undefined
        yield control instanceof Barrier ? await saved(control, key, step) : control
      } else if (ended && tasks.length === 0) return
      else {
        await bell.promise
        bell = new Deferred()
      }
    }
  } finally {
    iterator.return?.().catch(() => undefined)
  }
}

async function gather<R>(made: AsyncIterable<R | Control>, task: Task<R>): Promise<void> {
  try {
    for await (const value of made) task.outputs.push(value)
  } catch (cause) {
    task.failure = { cause }
  }
  task.done = true
}
