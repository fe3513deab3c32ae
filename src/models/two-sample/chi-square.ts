import { chiSquareTail } from './gamma-tail.ts'
import type { TwoSampleResult } from './two-sample.ts'

/**
 * Pearson's χ² test of two samples of categories: Σ (observed − expected)² / expected over both, where each sample is expected to have the shares of
 * both together. Not corrected for continuity. It has one degree of freedom less than there are categories.
 *
 * The p-value is that of the limit: it is rough where fewer than 5 are expected of a category.
 *
 * @see K. Pearson, Phil. Mag. 50 (1900)
 */
export function chiSquare<K>(
  x: ReadonlyMap<K, number>,
  y: ReadonlyMap<K, number>,
): TwoSampleResult {
  const [xs, ys] = [total(x), total(y)]
  const categories = new Set([...x.keys(), ...y.keys()])
  let statistic = 0
  for (const category of categories) {
    const [a, b] = [x.get(category) ?? 0, y.get(category) ?? 0]
    const share = (a + b) / (xs + ys)
    statistic += (a - xs * share) ** 2 / (xs * share) + (b - ys * share) ** 2 / (ys * share)
  }
  return { statistic, pValue: chiSquareTail(statistic, categories.size - 1) }
}

function total(counts: ReadonlyMap<unknown, number>): number {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}
