import type { Flow } from '../flow/flow.ts'
import type { Problem } from './check.ts'
import { partsOf } from './plan.ts'

/** The sinks that would write what another one writes: one of the two would be lost. */
export function sameTargets(flows: readonly Flow<unknown>[]): readonly Problem[] {
  const owners = new Map<string, string>()
  return partsOf(flows).flatMap(({ info: { name, target } }) => {
    if (target === undefined) return []
    const other = owners.get(target)
    owners.set(target, name)
    if (other === undefined) return []
    const message = `Expected each sink to write somewhere else, got ${other} and ${name} that both write ${target}`
    return [{ level: 'error', operator: name, message, code: 'OPTION' } as const]
  })
}
