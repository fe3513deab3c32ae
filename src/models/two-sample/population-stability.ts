/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the bins */
import { chiSquareTail } from './gamma-tail.ts'
import type { TwoSampleResult } from './two-sample.ts'
import { quantileOf } from './wasserstein.ts'

/** Bins, as far as the deciles differ. */
const bins = 10

/**
 * The population stability index: Σ (q − p) ln(q / p) over bins, where p and q are the shares of x and y in a bin. Bins end at the deciles of x, which belong to the lower
 * bin; equal deciles make one. To each count ½ is added, so that an empty bin has a logarithm.
 *
 * If both come from one distribution, PSI / (1/m + 1/n) is nearly χ² with one degree of freedom less than bins, which gives the p-value. By the usual rule a
 * PSI above 0.1 is some and above 0.25 a large change, whatever the rows.
 *
 * @param x the reference, ascending, at least one value
 * @param y likewise
 * @see B. Yurdakul, J. Naranjo, Statistical properties of the population stability index, J. Risk Model Validation 14 (2020)
 */
export function populationStability(x: Float64Array, y: Float64Array): TwoSampleResult {
  const deciles = Array.from({ length: bins - 1 }, (_, i) => quantileOf(x, (i + 1) / bins))
  const edges = [...new Set(deciles)]
  const [p, q] = [sharesIn(x, edges), sharesIn(y, edges)]
  let statistic = 0
  for (const [i, share] of p.entries()) statistic += (q[i]! - share) * Math.log(q[i]! / share)
  const rows = 1 / (1 / x.length + 1 / y.length)
  return { statistic, pValue: chiSquareTail(statistic * rows, edges.length) }
}

function sharesIn(values: Float64Array, edges: readonly number[]): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0.5)
  let bin = 0
  for (const value of values) {
    while (bin < edges.length && value > edges[bin]!) bin++
    counts[bin]!++
  }
  const all = values.length + counts.length / 2
  return counts.map((count) => count / all)
}
