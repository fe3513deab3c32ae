import type { Context } from './context.ts'
import type { Control } from './control.ts'
import type { Flow } from './flow.ts'
import { release } from './slot-of.ts'
import { type UntilAborted, untilAborted } from './until-aborted.ts'

/**
 * The values of `flow` for a reader with `context`, until that aborts. Where no value has been asked for by then
 * the flow is released: a fan-out below it would wait for its branch.
 */
export function reading<T>(flow: Flow<T>, context: Context): UntilAborted<T | Control> {
  return untilAborted(flow.pull(context), context.signal, () => {
    release([flow], context)
  })
}
