import { percentileOf } from './quantiles.ts'

/** How the rows score that a density was fitted to: what other rows are compared with. */
export interface ScoreReference {
  /** How many they are. */
  readonly rows: number
  /** Their mean log density. */
  readonly meanLogDensity: number
  /** Quantiles of their log densities. */
  readonly quantiles: Float64Array
  /** By how much they score higher than rows of the same kind that were not learned, in nats. */
  readonly optimism: number
}

/** What a ratio says: below 0.6, below 0.8, from 0.8 to 1.2, above. */
export type GapBand = 'huge gap' | 'small gap' | 'no gap' | 'gap'

/** How familiar a set of rows is beside the set that a density was fitted to. */
export interface Gap {
  /** Rows of the set that were scored. */
  readonly rows: number
  /** Mean percentile of its rows among the fitted ones, in units of the 50 that rows of the same kind have: from 0 to 2. */
  readonly percentileRatio: number
  /** Standard error of `percentileRatio`, from the number of rows of both sets. */
  readonly standardError: number
  /** What `percentileRatio` says. */
  readonly band: GapBand
  /** Mean log density of its rows, in units of that of the fitted ones; null where the signs differ. */
  readonly logDensityRatio: number | null
  /** What `logDensityRatio` says. */
  readonly logDensityBand: GapBand | null
}

/** What a {@link GapTally} has gathered, for a checkpoint. */
export interface GapSums {
  /** Rows. */
  readonly rows: number
  /** Sum of log densities. */
  readonly density: number
  /** Sum of shares of the fitted rows that score no higher. */
  readonly share: number
  /** Sum of their squares. */
  readonly squares: number
}

/**
 * Measures the gap between the set that a density was fitted to and another, row by row.
 *
 * With s the share of fitted rows that score no higher than a row of the other set:
 *
 * - `percentileRatio` = 2·mean(s), twice the probability that a row of the other set is the more familiar
 *   one of a pair (Mann and Whitney's U, over half its greatest value). Only the order of scores counts, so
 *   it has no unit, and any density will do.
 * - A model scores the rows that it was fitted to higher than others of their kind: by about p/n nats, for
 *   p free parameters and n rows. So much is added to the scores of the other set.
 * - `standardError` = 2·√(var(s)/m + 1/(12·n)) for m rows of the other set.
 * - `logDensityRatio` = mean log density of the other set over that of the fitted one, as they are. It depends on
 *   the units of the columns, and below 0 it grows where familiarity falls.
 *
 * @see A. Vargha, H. D. Delaney, "A critique and improvement of the CL common language effect size statistics", 2000
 * @see H. Akaike, "A new look at the statistical model identification", 1974
 */
export class GapTally {
  readonly #reference: ScoreReference
  #sums: GapSums

  /** Goes on from `sums`. */
  constructor(
    reference: ScoreReference,
    sums: GapSums = { rows: 0, density: 0, share: 0, squares: 0 },
  ) {
    this.#reference = reference
    this.#sums = sums
  }

  /** Adds a row by its log density; NaN says nothing. */
  add(logDensity: number): void {
    const { quantiles, optimism } = this.#reference
    const s = percentileOf(quantiles, logDensity + optimism) / 100
    if (Number.isNaN(s)) return
    const { rows, density, share, squares } = this.#sums
    this.#sums = {
      rows: rows + 1,
      density: density + logDensity,
      share: share + s,
      squares: squares + s * s,
    }
  }

  /** Adds what `other` has gathered. */
  merge({ sums }: GapTally): void {
    const { rows, density, share, squares } = this.#sums
    this.#sums = {
      rows: rows + sums.rows,
      density: density + sums.density,
      share: share + sums.share,
      squares: squares + sums.squares,
    }
  }

  /** What was added. */
  get sums(): GapSums {
    return this.#sums
  }

  /** The gap; undefined without rows. */
  get gap(): Gap | undefined {
    const { rows, density, share, squares } = this.#sums
    if (rows === 0) return undefined
    const mean = share / rows
    // One row says nothing of the variance: that of rows of the same kind.
    const variance = rows > 1 ? Math.max(0, squares - rows * mean ** 2) / (rows - 1) : 1 / 12
    const percentileRatio = 2 * mean
    const ratio = density / rows / this.#reference.meanLogDensity
    const logDensityRatio = ratio > 0 && Number.isFinite(ratio) ? ratio : null
    return {
      rows,
      percentileRatio,
      standardError: 2 * Math.sqrt(variance / rows + 1 / (12 * this.#reference.rows)),
      band: gapBand(percentileRatio),
      logDensityRatio,
      logDensityBand: logDensityRatio === null ? null : gapBand(logDensityRatio),
    }
  }
}

/** What a ratio of familiarities says. */
export function gapBand(ratio: number): GapBand {
  if (ratio < 0.6) return 'huge gap'
  if (ratio < 0.8) return 'small gap'
  return ratio <= 1.2 ? 'no gap' : 'gap'
}
