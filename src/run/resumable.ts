import type { Flow } from '../flow/flow.ts'
import { optionProblem, type Problem } from './problem.ts'
import { partsOf } from './plan.ts'

/** The parts of a plan that cannot go on from a checkpoint: rows inside them cannot be seen, or their position is not known. */
export function unresumable(flows: readonly Flow<unknown>[]): readonly Problem[] {
  return partsOf(flows).flatMap((part) => {
    const { name, role, inputs = [] } = part.info
    if (role === 'foreign') {
      const after = inputs.map((input) => input.info.name).join(', ')
      return optionProblem(
        name,
        `Expected parts that can be resumed, got an RxJS operator after ${after}: wrap it in stateless(…) if it keeps nothing, or write it with operate(…)`,
      )
    }
    if (part.info.resumable === false)
      return optionProblem(
        name,
        `Expected parts that can be resumed, got ${name}, whose position is not known: read it with source({ read })`,
      )
    return []
  })
}
