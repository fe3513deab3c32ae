/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the counts */

/** How evenly rows are spread over bins. */
export interface DiversityIndex {
  /** From the chance that two rows are of one bin. */
  readonly simpson: number
  /** From the entropy. */
  readonly shannon: number
}

/**
 * How evenly values are spread over `bins` bins, 0 to `bins` − 1: 1 if all have as many, and 0 if there is one bin or none has values.
 *
 * - Simpson: (1 / Σ p² − 1) / (bins − 1); with `older` 1 / Σ p² / bins, which is not below 1 / bins.
 * - Shannon: −Σ p ln p / ln bins.
 *
 * @see E. H. Simpson, Measurement of diversity, Nature 163 (1949)
 */
export function diversityIndex(
  values: Float64Array,
  bins: number,
  { older }: { readonly older: boolean },
): DiversityIndex {
  const counts = new Float64Array(bins)
  for (const value of values) counts[value]!++
  let squares = 0
  let entropy = 0
  for (const count of counts) {
    squares += count * count
    if (count > 0) entropy -= (count / values.length) * Math.log(count / values.length)
  }
  if (values.length === 0) return { simpson: 0, shannon: 0 }
  // Of whole numbers: what is even has 1, and not a little more.
  const effective = values.length ** 2 / squares
  const shannon = bins > 1 ? Math.min(1, entropy / Math.log(bins)) : 0
  if (older) return { simpson: effective / bins, shannon }
  return { simpson: bins > 1 ? (effective - 1) / (bins - 1) : 0, shannon }
}
