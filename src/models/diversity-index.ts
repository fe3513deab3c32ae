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
    const share = count / values.length
    if (!(share > 0)) continue
    squares += share * share
    entropy -= share * Math.log(share)
  }
  if (values.length === 0) return { simpson: 0, shannon: 0 }
  const shannon = bins > 1 ? entropy / Math.log(bins) : 0
  if (older) return { simpson: 1 / squares / bins, shannon }
  return { simpson: bins > 1 ? (1 / squares - 1) / (bins - 1) : 0, shannon }
}
