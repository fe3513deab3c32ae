import { RecordBatch, type Schema } from 'apache-arrow'
import { withoutHeavy } from '../batch/batch.ts'
import type { Context } from './context.ts'
import { type Barrier, type Control, Rejects, untilTold } from './control.ts'
import { Deferred } from './deferred.ts'
import { Flow, type FlowInfo } from './flow.ts'
import type { Counts } from './saved.ts'
import type { Slot } from './slot.ts'
import { slotOf } from './slot-of.ts'
import { untilAborted } from './until-aborted.ts'
import { failPoint } from '../run/fail-point.ts'

/** Rows that a source leaves out, counted and not passed on, and what it gives with the same position. */
export class Skipped<T> {
  /** How many. */
  readonly rows: number
  readonly #values: (T | Control)[]

  /** `values`: what follows them. */
  constructor(rows: number, ...values: (T | Control)[]) {
    this.rows = rows
    this.#values = values
  }

  /** The next of the values that follow, which is held no more: generators that passed this on still hold it while they wait. */
  take(): T | Control | undefined {
    return this.#values.shift()
  }
}

/** A source: what it is called and how it is read. */
export interface SourceSpec<T, P> {
  /** Name in plans and counters, and the key of its position in checkpoints. */
  readonly name: string
  /** The schema of its batches; may read metadata, never data. */
  readonly schema?: () => Schema | Promise<Schema>
  /**
   * Whether it ends by itself.
   *
   * @default true
   */
  readonly bounded?: boolean
  /**
   * Reads on after `from`, or from the start without it. Each value (a control message and
   * {@link Skipped} count as one) comes with the position after it: anything `structuredClone` takes. Opens nothing before it
   * is asked for the first value; closes what it opened when the signal aborts, and in `finally`.
   */
  readonly read: (
    context: Context,
    from: P | undefined,
  ) => AsyncIterable<readonly [value: T | Control | Skipped<T>, position: P]>
  /** See {@link FlowInfo}. */
  readonly count?: (signal: AbortSignal) => Promise<number>
  /** See {@link FlowInfo}. */
  readonly memoryBytes?: FlowInfo['memoryBytes']
  /** See {@link FlowInfo}. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/**
 * Makes a flow of what `read` yields.
 *
 * - Barriers: one that is due goes down once, between two values, while the source is idle, or before
 *   it ends, with the position as the source's state. Behind the last one of a run nothing follows.
 * - Drain: ends before the next value.
 * - Resume: starts after the position that the checkpoint has for it.
 * - Replay: rows that the run does not do again are left out, and not counted.
 * - Columns: heavy ones that nobody wants are dropped, if `read` still carries them.
 * - Memory: one value, asked for when the one before has been taken.
 */
export function source<T, P>(spec: SourceSpec<T, P>): Flow<T> {
  const { name, schema, read, bounded = true, count: rows, memoryBytes, settings } = spec
  const flow: Flow<T> = new Flow(
    async function* (context) {
      const slot = slotOf(flow, name, context)
      if (slot.over) return
      for await (const value of withBarriers(read, slot, context)) {
        const only = context.run?.only
        const all = value instanceof Skipped ? value : new Skipped(0, value)
        if (!only) {
          slot.counts.rowsIn += all.rows
          slot.counts.dropped += all.rows
        }
        for (let next; (next = all.take()) !== undefined;) {
          const given = only ? only.chosen(next) : next
          if (given === undefined) continue
          count(given, slot.counts)
          yield given instanceof RecordBatch
            ? (withoutHeavy(given, context.columns) as T & RecordBatch)
            : given
        }
      }
      if (!context.signal.aborted) slot.end()
    },
    {
      name,
      role: 'source',
      bounded,
      ...(schema && { schema }),
      ...(rows && { count: rows }),
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...(settings && { settings }),
    },
  )
  return flow
}

async function* withBarriers<T, P>(
  read: SourceSpec<T, P>['read'],
  slot: Slot,
  context: Context,
): AsyncGenerator<T | Control | Skipped<T>> {
  const { run, signal } = context
  let position = slot.state as P | undefined
  let sent: Barrier | undefined
  let requested = new Deferred()
  const draining = new AbortController()
  const reading = AbortSignal.any([signal, draining.signal])
  const stopListening = run?.onRequest(() => {
    if (run.draining) draining.abort()
    requested.resolve()
  })
  if (run?.draining) draining.abort()
  const values = untilAborted(read({ ...context, signal: reading }, position), reading)

  /** The barrier that is due; nothing follows the last one. */
  async function* due(): AsyncGenerator<Barrier> {
    for (let barrier; (barrier = run?.barrier) && barrier !== sent;) {
      sent = barrier
      slot.save(barrier, position)
      failPoint('source: at a barrier')
      yield barrier
      await untilTold(barrier, signal)
    }
  }

  try {
    for (;;) {
      slot.doing = 'reads'
      const pulled = values.next()
      pulled.catch(() => undefined)
      let result: IteratorResult<readonly [T | Control | Skipped<T>, P], undefined> | undefined
      // A barrier may be due while the value is waited for; the value stays asked for.
      while (!result) {
        yield* due()
        // Behind the last barrier of a run: the value belongs to the run that goes on from it.
        if (signal.aborted) return
        requested = new Deferred()
        result = (await Promise.race([pulled, requested.promise])) ?? undefined
      }
      if (result.done) break
      position = result.value[1]
      slot.doing = 'given'
      slot.moves++
      yield result.value[0]
      failPoint('source: after a batch')
    }
    if (!signal.aborted) yield* due()
  } finally {
    slot.doing = 'idle'
    stopListening?.()
    await values.return()
  }
}

function count(value: unknown, counts: Counts): void {
  if (value instanceof RecordBatch) {
    counts.rowsIn += value.numRows
    counts.rowsKept += value.numRows
  } else if (value instanceof Rejects) {
    counts.rowsIn += value.rows.length
    counts.rejected += value.rows.length
  }
}
