/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the bins */
import { chiSquareTail } from './gamma-tail.ts'
import type { TwoSampleResult } from './two-sample.ts'
import { quantileOf } from './wasserstein.ts'

/** Bins, as far as the deciles differ. */
const bins = 10

/**
 * The population stability index: Σ (q − p) ln(q / p) over bins, where p and q are the shares of x and y in a bin. Bins end at the deciles of x, which belong to the lower
 * bin; a value that is two deciles or more has a bin of its own, else what is below it would be in its bin, of a constant x all. Bins without values are left out. To
 * each count ½ is added, so that a bin which only one sample has values in has a logarithm.
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
  const [inX, inY] = [countsIn(x, deciles), countsIn(y, deciles)]
  const known = [...inX.keys()].filter((bin) => inX[bin]! + inY[bin]! > 0)
  const [halfX, halfY] = [x.length + known.length / 2, y.length + known.length / 2]
  let statistic = 0
  for (const bin of known) {
    const [p, q] = [(inX[bin]! + 0.5) / halfX, (inY[bin]! + 0.5) / halfY]
    statistic += (q - p) * Math.log(q / p)
  }
  const rows = 1 / (1 / x.length + 1 / y.length)
  return { statistic, pValue: chiSquareTail(statistic * rows, known.length - 1) }
}

/** How many of ascending values are in each bin. A value that is several edges lies before the last of these, a value that is one before it. */
function countsIn(values: Float64Array, edges: readonly number[]): Float64Array {
  const counts = new Float64Array(edges.length + 1)
  let bin = 0
  for (const value of values) {
    while (value > edges[bin]! || (value === edges[bin] && value === edges[bin + 1])) bin++
    counts[bin]!++
  }
  return counts
}
