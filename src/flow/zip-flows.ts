import { ChildSignal } from './child-signal.ts'
import type { Context } from './context.ts'
import { Barrier, Control } from './control.ts'
import { OptionError } from '../errors.ts'
import { Flow } from './flow.ts'
import { untilAborted } from './until-aborted.ts'

/** The flows whose values are put together. */
type Flows<T extends readonly unknown[]> = { readonly [I in keyof T]: Flow<T[I]> }

/**
 * Puts together the first values of all flows, then the second ones, and so on.
 *
 * - Rows: as many as the shortest flow has; the others are then stopped.
 * - Memory: one value of each flow.
 * - Rejects and watermarks pass. A barrier passes if it comes at the same place in every flow, as
 *   in the branches of one `fanOut`; otherwise it is left out, and that checkpoint does not complete.
 * - The first error ends all.
 *
 * @throws {OptionError} at the call, if no flow is given
 * @example
 * zipFlows(flowOf([1, 2]), flowOf(['a', 'b', 'c'])) // [1, 'a'], [2, 'b']
 */
export function zipFlows<T extends readonly unknown[]>(...flows: Flows<T>): Flow<T> {
  const inputs = flows as readonly Flow<unknown>[]
  if (inputs.length === 0) throw new OptionError('Expected at least one flow, got none')
  const bounded = inputs.some((flow) => flow.bounded)
  return new Flow((context) => zipped(inputs, context) as AsyncGenerator<T | Control>, {
    name: 'zipFlows',
    role: 'operator',
    inputs,
    bounded,
  })
}

/** What a flow has next: a value, a barrier, or the end. */
type Head = IteratorResult<unknown, undefined>

async function* zipped(
  flows: readonly Flow<unknown>[],
  context: Context,
): AsyncGenerator<unknown[] | Control> {
  const child = new ChildSignal(context.signal)
  const { signal } = child
  const inputs = flows.map((flow) => untilAborted(flow.pull({ ...context, signal }), signal))
  const passing: Control[] = []
  let heads: (Head | undefined)[] = []
  try {
    for (;;) {
      const read = await Promise.all(
        inputs.map(async (input, i) => heads[i] ?? (await headOf(input, passing))),
      )
      yield* passing.splice(0)
      const barriers = read.map(({ value }) => (value instanceof Barrier ? value : undefined))
      const [first] = barriers
      heads = []
      if (first && barriers.every((barrier) => barrier === first)) yield first
      else if (barriers.some((barrier) => barrier)) heads = withoutOldest(read, barriers)
      else if (read.some(({ done }) => done)) return
      else yield read.map(({ value }) => value)
    }
  } finally {
    child.abort()
  }
}

/** Reads on to a value, a barrier or the end; other messages are left in `passing`. */
async function headOf(
  values: AsyncIterator<unknown, undefined>,
  passing: Control[],
): Promise<Head> {
  for (;;) {
    const head = await values.next()
    if (!(head.value instanceof Control) || head.value instanceof Barrier) return head
    passing.push(head.value)
  }
}

/** The heads that stay: a barrier goes when another flow has a value or a newer barrier there. */
function withoutOldest(
  read: readonly Head[],
  barriers: readonly (Barrier | undefined)[],
): (Head | undefined)[] {
  const newest = Math.max(...barriers.map((barrier) => barrier?.checkpoint ?? 0))
  const waiting = barriers.every((barrier) => barrier)
  return read.map((head, i) => {
    const stays = !barriers[i] || (waiting && barriers[i].checkpoint === newest)
    return stays ? head : undefined
  })
}
