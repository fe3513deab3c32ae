import { RecordBatch } from 'apache-arrow'
import { decodeBatch, encodeBatch } from '../batch/ipc.ts'
import { ChildSignal } from './child-signal.ts'
import { type Context, inLane } from './context.ts'
import { Barrier, Control } from './control.ts'
import { OptionError, OverrunError } from '../errors.ts'
import { Flow } from './flow.ts'
import { reading } from './reading.ts'
import type { Slot } from './slot.ts'
import { release, slotOf } from './slot-of.ts'
import { bytesOf } from './value-bytes.ts'

/** The flows whose values are put together. */
type Flows<T extends readonly unknown[]> = { readonly [I in keyof T]: Flow<T[I]> }

/** Most bytes that wait for their partners at a barrier. */
const keptBytes = 2 ** 26

/**
 * Puts together the first values of all flows, then the second ones, and so on.
 *
 * - Rows: as many as the shortest flow has; the others are then stopped.
 * - Memory: one value of each flow, and at a barrier what its state has.
 * - Rejects and watermarks pass.
 * - Barriers: a flow whose barrier has come waits, while the others are read on to theirs. What these give
 *   until then, and has no partner yet, is the state: at most 64 MiB.
 * - The first error ends all.
 *
 * @throws {OptionError} at the call, if no flow is given
 * @throws {OverrunError} on the stream, if the flows are further apart at a barrier
 * @example
 * zipFlows(flowOf([1, 2]), flowOf(['a', 'b', 'c'])) // [1, 'a'], [2, 'b']
 */
export function zipFlows<T extends readonly unknown[]>(...flows: Flows<T>): Flow<T> {
  const inputs = flows as readonly Flow<unknown>[]
  if (inputs.length === 0) throw new OptionError('Expected at least one flow, got none')
  const bounded = inputs.some((flow) => flow.bounded)
  const zip: Flow<unknown> = new Flow(
    (context) => zipped(inputs, slotOf(zip, 'zipFlows', context), context),
    { name: 'zipFlows', role: 'operator', inputs, bounded },
  )
  return zip as Flow<T>
}

/** One flow that is read. */
interface Lane {
  readonly values: AsyncIterator<unknown, undefined>
  /** Values that wait for their partners. */
  readonly kept: unknown[]
  /** Came, and waits for those of the others. */
  barrier: Barrier | undefined
  ended: boolean
}

async function* zipped(
  flows: readonly Flow<unknown>[],
  slot: Slot,
  context: Context,
): AsyncGenerator {
  if (slot.over) {
    release(flows, context)
    return
  }
  const child = new ChildSignal(context.signal)
  const { signal } = child
  const saved = slot.state as readonly (readonly Encoded[])[] | undefined
  const lanes = flows.map((flow, i): Lane => {
    const inner = inLane({ ...context, signal }, String(i))
    const kept = (saved?.[i] ?? []).map(decoded)
    return {
      values: reading(flow, inner),
      kept,
      barrier: undefined,
      ended: false,
    }
  })
  const passing: Control[] = []
  try {
    for (;;) {
      await Promise.all(lanes.map((lane) => fill(lane, passing)))
      yield* passing.splice(0)
      const barrier = lanes.find((lane) => lane.barrier)?.barrier
      if (lanes.every(({ kept }) => kept.length > 0)) yield lanes.map(({ kept }) => kept.shift())
      else if (lanes.some(({ ended, kept }) => ended && kept.length === 0)) break
      else if (barrier) {
        await toBarrier(lanes, passing)
        yield* passing.splice(0)
        slot.save(
          barrier,
          lanes.map(({ kept }) => kept.map(encoded)),
        )
        for (const lane of lanes) lane.barrier = undefined
        yield barrier
      }
    }
    if (!context.signal.aborted) slot.end()
  } finally {
    child.abort()
  }
}

/** Reads on until `lane` has a value, its barrier or its end. */
async function fill(lane: Lane, passing: Control[]): Promise<void> {
  while (lane.kept.length === 0 && !lane.barrier && !lane.ended) await readOne(lane, passing)
}

/** Reads those on whose barrier has not come. */
async function toBarrier(lanes: readonly Lane[], passing: Control[]): Promise<void> {
  let bytes = 0
  async function readOn(lane: Lane): Promise<void> {
    while (!lane.barrier && !lane.ended) {
      const { length } = lane.kept
      await readOne(lane, passing)
      for (const value of lane.kept.slice(length)) bytes += bytesOf(value)
      if (bytes <= keptBytes) continue
      const bound = `at most ${String(keptBytes)} bytes apart at a checkpoint`
      throw new OverrunError(`Expected the flows of zipFlows to be ${bound}, got more`)
    }
  }
  await Promise.all(lanes.map(readOn))
}

/** Other messages than barriers are left in `passing`. */
async function readOne(lane: Lane, passing: Control[]): Promise<void> {
  const { done, value } = await lane.values.next()
  if (done) lane.ended = true
  else if (value instanceof Barrier) lane.barrier = value
  else if (value instanceof Control) passing.push(value)
  else lane.kept.push(value)
}

/** A value as a checkpoint keeps it: batches, and lists of them as another `zipFlows` makes, are encoded. */
type Encoded =
  | { readonly batch: Uint8Array }
  | { readonly list: readonly Encoded[] }
  | { readonly value: unknown }

function encoded(value: unknown): Encoded {
  if (value instanceof RecordBatch) return { batch: encodeBatch(value) }
  return Array.isArray(value) ? { list: value.map(encoded) } : { value }
}

function decoded(saved: Encoded): unknown {
  if ('batch' in saved) return decodeBatch(saved.batch)
  return 'list' in saved ? saved.list.map(decoded) : saved.value
}
