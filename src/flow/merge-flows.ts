import type { Schema } from 'apache-arrow'
import { ChildSignal } from './child-signal.ts'
import { type Context, inLane } from './context.ts'
import { Barrier, Control, Watermark } from './control.ts'
import { Deferred } from './deferred.ts'
import { OptionError, SchemaError } from '../errors.ts'
import { Flow } from './flow.ts'
import { reading } from './reading.ts'

/**
 * Joins flows of one schema into one.
 *
 * - Rows: all; in order within each flow, as they arrive between flows, none of which waits for
 *   another. Where the order must not depend on timing, use `concat`.
 * - Memory: one value of each flow.
 * - Barriers: a flow whose barrier has come waits until all have sent theirs, or ended; then one passes.
 *   Watermarks: the least over the flows that have not ended.
 * - The first error ends all.
 *
 * @throws {OptionError} at the call, if no flow is given
 * @throws {SchemaError} from `schema()`, if the schemas differ
 * @example
 * mergeFlows(fromFiles('a'), fromFiles('b')).pipe(decode(), toParquet('ab.parquet'))
 */
export function mergeFlows<T>(...flows: readonly Flow<T>[]): Flow<T> {
  if (flows.length === 0) throw new OptionError('Expected at least one flow, got none')
  return new Flow((context) => merged(flows, context), {
    name: 'mergeFlows',
    role: 'operator',
    inputs: flows,
    schema: oneSchema,
  })
}

/** One flow that is read. */
interface Lane<T> {
  readonly values: AsyncIterator<T | Control, undefined>
  /** What came and has not gone on. */
  result?: IteratorResult<T | Control, undefined> | undefined
  failure?: { readonly cause: unknown }
  asked: boolean
  ended: boolean
  /** Came, and waits for those of the others. */
  barrier?: Barrier | undefined
  timeMs: number
}

async function* merged<T>(
  flows: readonly Flow<T>[],
  context: Context,
): AsyncGenerator<T | Control> {
  const child = new ChildSignal(context.signal)
  const { signal } = child
  const lanes = flows.map((flow, i): Lane<T> => {
    const inner = inLane({ ...context, signal }, String(i))
    const values = reading(flow, inner)
    return { values, asked: false, ended: false, timeMs: -Infinity }
  })
  let arrived = new Deferred()
  let timeMs = -Infinity
  function ring(): void {
    arrived.resolve()
  }
  try {
    for (;;) {
      for (const lane of lanes) ask(lane, ring)
      const lane = lanes.find((l) => l.result ?? l.failure)
      if (lane) {
        // Those behind it come first next time.
        lanes.push(...lanes.splice(0, lanes.indexOf(lane) + 1))
        const value = accept(lane)
        if (value !== undefined) yield value.value
        const least = Math.min(...lanes.map((l) => (l.ended ? Infinity : l.timeMs)))
        if (least > timeMs && least < Infinity) yield new Watermark((timeMs = least))
        continue
      }
      const open = lanes.filter((l) => !l.ended)
      if (open.length === 0) return
      const barrier = aligned(open)
      if (barrier) yield barrier
      else if (open.some((l) => !l.asked && !l.barrier)) continue
      else {
        await arrived.promise
        arrived = new Deferred()
      }
    }
  } finally {
    child.abort()
  }
}

function ask<T>(lane: Lane<T>, ring: () => void): void {
  if (lane.asked || lane.ended || lane.barrier) return
  lane.asked = true
  lane.values.next().then(
    (result) => {
      lane.result = result
      ring()
    },
    (cause: unknown) => {
      lane.failure = { cause }
      ring()
    },
  )
}

/** Takes what came on `lane`; returns what passes now. */
function accept<T>(lane: Lane<T>): { readonly value: T | Control } | undefined {
  if (lane.failure) throw lane.failure.cause
  const { result } = lane
  lane.result = undefined
  lane.asked = false
  if (!result || result.done) lane.ended = true
  else if (result.value instanceof Barrier) lane.barrier = result.value
  else if (result.value instanceof Watermark) lane.timeMs = result.value.timeMs
  else return { value: result.value }
  return undefined
}

/** The barrier, if all have reached it: a run has one on its way at a time. */
function aligned<T>(open: readonly Lane<T>[]): Barrier | undefined {
  const barrier = open[0]?.barrier
  if (!open.every((lane) => lane.barrier)) return undefined
  for (const lane of open) lane.barrier = undefined
  return barrier
}

function oneSchema(schemas: readonly Schema[]): Schema {
  const [first, ...rest] = schemas as readonly [Schema, ...Schema[]]
  for (const other of rest) {
    const field = first.fields.find((f, i) => String(f) !== String(other.fields[i]))
    if (!field && other.fields.length === first.fields.length) continue
    const column = field?.name ?? other.fields[first.fields.length]?.name ?? ''
    throw new SchemaError(
      `Expected the flows of mergeFlows to have one schema, got ${String(first)} and ${String(other)}`,
      { column },
    )
  }
  return first
}
