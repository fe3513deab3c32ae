import type { Context } from './context.ts'
import type { Flow } from './flow.ts'
import { Slot } from './slot.ts'

/** The slot of `part` where it is read with `context`; outside a run a new one. */
export function slotOf(part: object, name: string, { run, lane }: Context): Slot {
  return run ? run.slot(part, name, lane) : new Slot(name)
}

/** Tells the parts below that `inputs` will not be read: who waits for its readers need not wait for this one. */
export function release(inputs: readonly Flow<unknown>[], context: Context): void {
  for (const { info } of inputs)
    if (info.release) info.release(context)
    else release(info.inputs ?? [], context)
}
