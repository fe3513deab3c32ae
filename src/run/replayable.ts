import type { Flow } from '../flow/flow.ts'
import { optionProblem, type Problem } from './problem.ts'
import { partsOf } from './plan.ts'
import { unresumable } from './resumable.ts'

/**
 * What of a plan cannot be run again on some rows: it must be clear where each was missing and which row of the
 * source it was, what is said of a row must not depend on the others, and the output must be one that rows can be
 * added to.
 */
export function unreplayable(flows: readonly Flow<unknown>[]): readonly Problem[] {
  const parts = partsOf(flows)
  const problems = [...unresumable(flows)]
  if (flows.length > 1)
    problems.push(
      problem(
        'run',
        'one flow',
        `${String(flows.length)}: a row may be missing in one of them alone`,
      ),
    )
  const readers = new Map<Flow<unknown>, number>()
  for (const { info } of parts)
    for (const input of info.inputs ?? []) readers.set(input, (readers.get(input) ?? 0) + 1)
  for (const part of parts) {
    const { name, role, learns, expands, adds } = part.info
    if ((readers.get(part) ?? 0) > 1)
      problems.push(problem(name, 'parts that are read once', `${name} with several branches`))
    if (learns)
      problems.push(
        problem(
          name,
          'parts that treat each row by itself',
          `${name}, which learns from all of them`,
        ),
      )
    if (expands)
      problems.push(problem(name, 'parts that make one row of one', `${name}, which makes several`))
    if (role === 'sink' && !adds)
      problems.push(problem(name, 'sinks that can add to what is there', name))
    if (role === 'source' && !part.bounded)
      problems.push(problem(name, 'sources that end by themselves', name))
  }
  return problems
}

function problem(operator: string, expected: string, got: string): Problem {
  const message = `Expected ${expected}, got ${got}: run the command again in place of a replay`
  return optionProblem(operator, message)
}
