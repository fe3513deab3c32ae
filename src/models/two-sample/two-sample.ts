import type { Random } from '../../kernels/random.ts'

/** What a test of two samples says. */
export interface TwoSampleResult {
  /** How far apart the samples are. */
  readonly statistic: number
  /** How often samples of one distribution are at least as far apart. */
  readonly pValue: number
}

/** A permutation test's p: of `count` permutations, `reached` were at least as far apart as what was observed, which counts as one more. */
export function permutationP(reached: number, count: number): number {
  return (1 + reached) / (1 + count)
}

/** What a permuted statistic has to reach to be as large as `observed` but for rounding. */
export function reachedBy(observed: number): number {
  return observed - 1e-12 * Math.abs(observed)
}

/** How a p-value is found by permutation. */
export interface Permuting {
  /** How often rows are put into two samples at random. */
  readonly permutations: number
  /** Where the permutations come from. */
  readonly random: Random
}
