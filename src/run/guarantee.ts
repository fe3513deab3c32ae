import type { Flow, Guarantee } from '../flow/flow.ts'
import { optionProblem, type Problem } from './problem.ts'
import { partsOf } from './plan.ts'

/** What sinks may promise, the weakest first. */
export const guarantees: readonly Guarantee[] = ['at-least-once', 'idempotent', 'exactly-once']

/** What each promise means for a run with checkpoints that is killed and resumed. */
export const meanings: Readonly<Record<Guarantee, string>> = {
  'exactly-once': 'every row is there once; nothing is visible before its checkpoint is in place',
  idempotent: 'rows since the last checkpoint may be written again, over the same ones',
  'at-least-once': 'rows since the last checkpoint may be written again, beside the same ones',
}

const instead: Readonly<Record<Guarantee, string>> = {
  'exactly-once': 'write to files, for instance with toParquet(path) or toJsonl(path)',
  idempotent: 'write to files, or with a sink that gives each row a key and replaces by it',
  'at-least-once': '',
}

/** The sinks of a plan that promise less than `required`. */
export function weakerSinks(
  flows: readonly Flow<unknown>[],
  required: Guarantee,
): readonly Problem[] {
  const least = guarantees.indexOf(required)
  return partsOf(flows).flatMap(({ info: { name, role, guarantee = 'at-least-once' } }) => {
    if (role !== 'sink' || guarantees.indexOf(guarantee) >= least) return []
    const message = `Expected sinks that promise ${required}, got ${name}, which promises ${guarantee}: ${instead[required]}`
    return [optionProblem(name, message)]
  })
}
