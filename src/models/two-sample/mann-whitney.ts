/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the samples */
import { normalTail } from './gamma-tail.ts'
import type { TwoSampleResult } from './two-sample.ts'

/**
 * The Mann–Whitney test of whether the values of y are greater than those of x: U, how many pairs have the greater value in y, ties as half of one.
 *
 * The p-value is one-sided, by the normal limit with corrections for ties and for continuity.
 *
 * @param x ascending, at least one value
 * @param y likewise
 * @see H. B. Mann, D. R. Whitney, Ann. Math. Statist. 18 (1947)
 */
export function mannWhitneyGreater(x: Float64Array, y: Float64Array): TwoSampleResult {
  const [m, n] = [x.length, y.length]
  let i = 0
  let j = 0
  let statistic = 0
  let ties = 0
  while (i < m || j < n) {
    const value = Math.min(x[i] ?? Infinity, y[j] ?? Infinity)
    const [fromX, fromY] = [i, j]
    while (i < m && x[i]! === value) i++
    while (j < n && y[j]! === value) j++
    statistic += (j - fromY) * (fromX + (i - fromX) / 2)
    const tied = i - fromX + j - fromY
    ties += tied ** 3 - tied
  }
  const all = m + n
  const spread = Math.sqrt(((m * n) / 12) * (all + 1 - ties / (all * (all - 1))))
  if (!(spread > 0)) return { statistic, pValue: 1 }
  return { statistic, pValue: normalTail((statistic - (m * n) / 2 - 0.5) / spread) }
}
