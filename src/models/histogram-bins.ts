/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the values */
import { quantileOf } from './two-sample/wasserstein.ts'

/** Numbers as the bins that they lie in. */
export interface Binned {
  /** The bin of each, from 0. */
  readonly values: Float64Array
  /** How many bins there are, empty ones too. */
  readonly bins: number
}

/**
 * Puts numbers into bins of equal width, as many as the more of two rules says: width 2 · interquartile range / n^⅓ (Freedman and Diaconis), or log₂ n + 1 bins
 * (Sturges); numpy calls this `auto`. Never more than there are numbers.
 *
 * @see D. Freedman, P. Diaconis, On the histogram as a density estimator, Z. Wahrscheinlichkeitstheorie 57 (1981)
 */
export function binned(values: Float64Array): Binned {
  const sorted = values.slice().sort()
  const bins = Math.min(binsFor(sorted), Math.max(1, values.length))
  return { values: intoBins(values, sorted, bins), bins }
}

function binsFor(sorted: Float64Array): number {
  const count = sorted.length
  const range = count === 0 ? 0 : sorted[count - 1]! - sorted[0]!
  if (range === 0) return 1
  const quartiles = quantileOf(sorted, 0.75) - quantileOf(sorted, 0.25)
  const sturges = range / (Math.log2(count) + 1)
  const diaconis = (2 * quartiles) / Math.cbrt(count)
  return Math.ceil(range / (diaconis > 0 ? Math.min(diaconis, sturges) : sturges))
}

function intoBins(values: Float64Array, sorted: Float64Array, bins: number): Float64Array {
  const low = sorted[0] ?? 0
  const range = (sorted.at(-1) ?? 0) - low
  if (range === 0) return new Float64Array(values.length)
  return values.map((value) => Math.min(bins - 1, Math.floor(((value - low) / range) * bins)))
}
