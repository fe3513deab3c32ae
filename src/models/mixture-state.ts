import type { Covariance } from '../kernels/mixture-graphs.ts'
import type { Densities, MixtureParameters } from './mixture.ts'
import { float64Array, type Json, type ModelState, requireState } from './model.ts'

/** What a number of components was worth in a fit. */
export interface ComponentsBic {
  /** How many Gaussians. */
  readonly components: number
  /** Bayesian information criterion at the last step of the best start; lower is better. */
  readonly bic: number
}

/** A fitted mixture, and what online learning goes on from. */
export interface FittedMixture {
  /** The mixture. */
  readonly parameters: MixtureParameters
  /** The mixture for the kernel, once it was needed. */
  readonly densities: Densities | undefined
  /** Rows learned. */
  readonly rows: number
  /** Mean log density of the rows of the fit; NaN if there was none. */
  readonly meanLogDensity: number
  /** The numbers of components that the fit chose from, ascending. */
  readonly choice: readonly ComponentsBic[]
  /** Quantiles of the scores of learned rows; none if there was no fit. */
  readonly quantiles: Float64Array
  /** Scores that the quantiles are of while learning online. */
  readonly recent: Float64Array
  /** Windows learned online; undefined before `beginOnline`. */
  readonly windows: number | undefined
}

const kind = 'gaussian-mixture'
const version = 1

/** A fitted mixture as plain data. */
export function mixtureState(
  fitted: FittedMixture,
  options: Readonly<Record<string, Json>>,
): ModelState {
  const { parameters, rows, meanLogDensity, choice, quantiles, recent, windows } = fitted
  const { center, weights, means, covariances } = parameters
  const [k, d] = [weights.length, center.length]
  return {
    kind,
    version,
    rowsSeen: rows,
    parameters: {
      options,
      meanLogDensity: Number.isNaN(meanLogDensity) ? null : meanLogDensity,
      choice: choice.map(({ components, bic }) => ({ components, bic })),
      windows: windows ?? null,
    },
    arrays: {
      center: { shape: [d], values: center },
      weights: { shape: [k], values: weights },
      means: { shape: [k, d], values: means },
      covariances: { shape: covarianceShape(parameters.covariance, k, d), values: covariances },
      quantiles: { shape: [quantiles.length], values: quantiles },
      recent: { shape: [recent.length], values: recent },
    },
  }
}

/**
 * The options of a saved mixture, not yet checked.
 *
 * @throws {DataError} if the state is of another kind or version
 */
export function savedOptions(state: ModelState): Json | undefined {
  requireState(state, kind, version)
  return state.parameters['options']
}

/**
 * Reads what {@link mixtureState} gave.
 *
 * @throws {DataError} if an array is missing or of another shape
 */
export function fittedMixture(
  state: ModelState,
  { components: k, covariance }: { readonly components: number; readonly covariance: Covariance },
): FittedMixture {
  const { meanLogDensity, choice, windows } = state.parameters
  const center = float64Array(state, 'center', [null])
  const d = center.length
  return {
    parameters: {
      covariance,
      center,
      weights: float64Array(state, 'weights', [k]),
      means: float64Array(state, 'means', [k, d]),
      covariances: float64Array(state, 'covariances', covarianceShape(covariance, k, d)),
    },
    densities: undefined,
    rows: state.rowsSeen,
    meanLogDensity: typeof meanLogDensity === 'number' ? meanLogDensity : NaN,
    choice: Array.isArray(choice) ? (choice as ComponentsBic[]) : [],
    quantiles: float64Array(state, 'quantiles', [null]),
    recent: float64Array(state, 'recent', [null]),
    windows: typeof windows === 'number' ? windows : undefined,
  }
}

function covarianceShape(covariance: Covariance, k: number, d: number): number[] {
  return covariance === 'diagonal' ? [k, d] : [k, d, d]
}
