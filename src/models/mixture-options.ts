import type { Covariance } from '../kernels/mixture-graphs.ts'
import { knownOptions, numberBetween, oneOf, positiveInteger, wholeNumber } from '../options.ts'

/** Options of `GaussianMixture`. */
export interface GaussianMixtureOptions {
  /** How many Gaussians. */
  readonly components: number
  /**
   * `diagonal`: the columns are independent within a component; `full`: they are not.
   *
   * @default 'diagonal'
   */
  readonly covariance?: Covariance
  /**
   * For the draws of k-means++.
   *
   * @default 0
   */
  readonly seed?: number
  /**
   * EM ends when the mean log density changes by less than this.
   *
   * @default 0.001
   */
  readonly tolerance?: number
  /**
   * Most steps of EM, each a pass over the rows.
   *
   * @default 200
   */
  readonly maxIterations?: number
  /**
   * Added to each variance, so in squared units of the columns.
   *
   * @default 1e-6
   */
  readonly regularization?: number
  /**
   * Starts of EM, in the same passes; the one with the highest mean log density is kept.
   *
   * @default 1
   */
  readonly starts?: number
}

const names = [
  'components',
  'covariance',
  'seed',
  'tolerance',
  'maxIterations',
  'regularization',
  'starts',
] as const

/** Checks options and fills in defaults. */
export function mixtureOptions(options: GaussianMixtureOptions): Required<GaussianMixtureOptions> {
  knownOptions('GaussianMixture', options, names)
  return {
    components: positiveInteger('components', options.components),
    covariance: oneOf('covariance', options.covariance ?? 'diagonal', ['diagonal', 'full']),
    seed: wholeNumber('seed', options.seed ?? 0),
    tolerance: numberBetween('tolerance', options.tolerance ?? 1e-3, 0, 1e6),
    maxIterations: positiveInteger('maxIterations', options.maxIterations ?? 200),
    regularization: numberBetween('regularization', options.regularization ?? 1e-6, 0, 1e12),
    starts: positiveInteger('starts', options.starts ?? 1),
  }
}
