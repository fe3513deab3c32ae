/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the quantiles */

/** How many quantiles stand for a distribution: steps of a tenth of a percent. */
export const quantileCount = 1001

/** The quantiles 0, 0.001 … 1 of values, linear between neighbours; changes the order of `values`. */
export function quantilesOf(values: Float64Array): Float64Array {
  values.sort()
  const last = values.length - 1
  return Float64Array.from({ length: quantileCount }, (_, i) => {
    const at = (i / (quantileCount - 1)) * last
    const low = Math.floor(at)
    const [a, b] = [values[low]!, values[Math.min(low + 1, last)]!]
    return a + (at - low) * (b - a)
  })
}

/**
 * How many percent of the distribution lie at or below `value`, linear between quantiles.
 * NaN for NaN, or without quantiles.
 */
export function percentileOf(quantiles: Float64Array, value: number): number {
  const last = quantiles.length - 1
  if (last < 1 || Number.isNaN(value)) return NaN
  if (value < quantiles[0]!) return 0
  let low = 0
  let high = last + 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (quantiles[middle]! <= value) low = middle
    else high = middle
  }
  if (low === last) return 100
  const [a, b] = [quantiles[low]!, quantiles[low + 1]!]
  return (100 * (low + (value - a) / (b - a))) / last
}
