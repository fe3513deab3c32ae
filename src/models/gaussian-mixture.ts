import type { Density, DensityScores } from './density.ts'
import type { ScoreReference } from './gap.ts'
import { shrunk } from './maximization.ts'
import {
  type GaussianMixtureOptions,
  type MixtureOptions,
  mixtureOptions,
} from './mixture-options.ts'
import { onlineStep } from './mixture-step.ts'
import { MixturePasses } from './mixture-passes.ts'
import {
  type ComponentsBic,
  type FittedMixture,
  fittedMixture,
  mixtureState,
  savedOptions,
} from './mixture-state.ts'
import {
  bic,
  type Densities,
  densitiesOf,
  freeParameters,
  logDensity,
  type MixtureParameters,
  type MixtureScoring,
  responsibilities,
  rowBytes,
} from './mixture.ts'
import type { Matrix, ModelState } from './model.ts'
import { percentileOf } from './quantiles.ts'
import { blocksOf, requireColumns, requireFinite, rowsPerBlock } from './row-blocks.ts'

export type { ComponentChoice, GaussianMixtureOptions } from './mixture-options.ts'
export type { ComponentsBic } from './mixture-state.ts'

/**
 * A mixture of Gaussians fitted by expectation–maximisation: log p(x) = log Σ w·N(x; μ, Σ).
 *
 * Passes, the same for all starts and numbers of components: one that draws a sample of up to 8,192
 * rows, on which k-means (k-means++, best of ten) gives the start; as many EM steps as it takes; one
 * that scores all rows by what is kept, the lowest BIC, for the percentiles. The sample and the quantiles follow from the rows' values, not from their order. Values that
 * differ in the last bits alone, as between processors, give the same start up to the sample's size.
 *
 * - Units: natural logarithms of densities, in the columns' units.
 * - Percentiles: linear between 1,001 quantiles of the training scores (of a sample of 65,536 beyond
 *   so many rows; while learning online, of the latest 4,096).
 * - Numbers: squares are taken about the sample's mean, in float64.
 * - Online: {@link GaussianMixture.beginOnline}, then stepwise EM: each window moves the mean moments by (t + 4)^−0.6, t = 0, 1, … towards its own.
 * - Fewer rows than components: an error; of several numbers, those that are left out. Fewer different rows: components of weight 0.
 *   Constant columns, identical rows: variance `regularization`.
 * - A value that is not finite: an error in `learn`; NaN for that row in `apply`.
 * - `begin` on a fitted model goes on with EM from where it is.
 * - Cost per row and step: components · columns, or components · columns² if full.
 *
 * @see D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", 2007
 * @see G. Schwarz, "Estimating the dimension of a model", 1978
 * @see O. Cappé, E. Moulines, "Online expectation–maximization algorithm for latent data models", 2009
 * @example
 * const mixture = new GaussianMixture({ components: 2 })
 * do {
 *   await mixture.begin()
 *   await mixture.learn(rows)
 * } while (await mixture.end())
 * const { logDensity, percentile } = await mixture.apply(rows)
 */
export class GaussianMixture implements Density {
  readonly kind = 'gaussian-mixture'
  readonly #options: MixtureOptions
  #passes: MixturePasses | undefined
  #fitted: FittedMixture | undefined

  /** @throws {OptionError} if an option is not as documented */
  constructor(options: GaussianMixtureOptions) {
    this.#options = mixtureOptions(options)
  }

  /**
   * Makes a model from what {@link GaussianMixture.state} gave.
   *
   * @throws {DataError} if the state is of another kind, version or shape
   */
  static fromState(state: ModelState): GaussianMixture {
    const options = savedOptions(state) as unknown as GaussianMixtureOptions
    const mixture = new GaussianMixture(options)
    const { covariance, components } = mixture.#options
    mixture.#fitted = fittedMixture(state, { covariance, components: components[0] ?? 0 })
    return mixture
  }

  /**
   * Makes a model from parameters fitted elsewhere: `means` [components, columns], `covariances` of
   * the same shape or [components, columns, columns]. Its percentiles are NaN.
   *
   * @throws {DataError} if a shape does not fit
   */
  static fromParameters(
    given: Pick<MixtureParameters, 'covariance' | 'weights' | 'means' | 'covariances'>,
  ): GaussianMixture {
    const { covariance, weights, means, covariances } = given
    const mixture = new GaussianMixture({ components: weights.length, covariance })
    const d = means.length / weights.length
    const center = new Float64Array(d)
    for (const [at, mean] of means.entries())
      center[at % d] = (center[at % d] ?? 0) + mean * (weights[Math.floor(at / d)] ?? 0)
    const centered = means.map((mean, at) => mean - (center[at % d] ?? 0))
    const none = new Float64Array(0)
    const fitted: FittedMixture = {
      parameters: { covariance, center, weights, means: centered, covariances },
      densities: undefined,
      rows: 0,
      meanLogDensity: NaN,
      choice: [],
      quantiles: none,
      recent: none,
      windows: undefined,
    }
    mixture.#fitted = fitted
    return GaussianMixture.fromState(mixture.state())
  }

  /** Rows of the last fit and the windows since. */
  get rowsSeen(): number {
    return this.#fitted?.rows ?? 0
  }

  /** Share of each component. */
  get weights(): Float64Array {
    return this.#need().parameters.weights.slice()
  }

  /** Mean of each component, one per row. */
  get means(): Matrix {
    const { means, center, weights } = this.#need().parameters
    const columns = center.length
    const values = means.map((mean, at) => mean + (center[at % columns] ?? NaN))
    return { rows: weights.length, columns, values }
  }

  /** Variances [components, columns] or covariances [components, columns, columns]. */
  get covariances(): Float64Array {
    return this.#need().parameters.covariances.slice()
  }

  /** Mean log density of the rows of the last fit. */
  get meanLogDensity(): number {
    return this.#need().meanLogDensity
  }

  /** How the learned rows score. Online each window is scored before it is learned, so nothing is gained by that. */
  get reference(): ScoreReference {
    const { rows, meanLogDensity, quantiles, recent } = this.#need()
    if (recent.length === 0)
      return { rows, meanLogDensity, quantiles, optimism: this.freeParameters / rows }
    const mean = recent.reduce((a, b) => a + b, 0) / recent.length
    return { rows: recent.length, meanLogDensity: mean, quantiles, optimism: 0 }
  }

  /** Numbers that the fit chose: weights, means, covariances. */
  get freeParameters(): number {
    return freeParameters(this.#need().parameters)
  }

  /** Bayesian information criterion of the last fit, p·ln n − 2·ln L; lower is better. */
  get bic(): number {
    const { parameters, rows, meanLogDensity } = this.#need()
    return bic(parameters, rows, meanLogDensity)
  }

  /** The numbers of components that the last fit chose from, and what each was worth. */
  get choice(): readonly ComponentsBic[] {
    return this.#need().choice
  }

  /** Starts a pass. */
  async begin(): Promise<void> {
    this.#passes ??= this.#fitted
      ? await MixturePasses.from(
          { ...this.#options, components: [this.#fitted.parameters.weights.length] },
          this.#fitted.parameters,
        )
      : new MixturePasses(this.#options)
    this.#passes.begin()
  }

  /** @throws {DataError} if a value is not finite */
  async learn(rows: Matrix): Promise<void> {
    await this.#underWay().learn(rows)
  }

  /** Adds the statistics of the same pass, with the same mixture, over other rows. */
  async merge(other: GaussianMixture): Promise<void> {
    await this.#underWay().merge(other.#underWay())
  }

  /** @throws {DataError} if there were fewer rows than components, or a covariance is singular */
  async end(): Promise<boolean> {
    const fitted = await this.#underWay().end()
    if (!fitted) return true
    this.#fitted = fitted
    this.#passes = undefined
    return false
  }

  /**
   * Goes from a fit to online learning: each covariance is drawn towards their weighted mean, as if as
   * many rows as there are columns had been seen of it. A short warm-up, which a full covariance fits
   * too closely, would else score the rows that follow far too low.
   */
  beginOnline(): void {
    const fitted = this.#need()
    if (fitted.windows !== undefined) return
    const parameters = shrunk(fitted.parameters, fitted.rows, fitted.parameters.center.length)
    this.#fitted = { ...fitted, parameters, densities: undefined, windows: 0 }
  }

  /** One step of stepwise EM, from a window of rows. */
  async learnOnline(window: Matrix): Promise<void> {
    requireFinite(window)
    if (window.rows === 0) return
    this.beginOnline()
    this.#fitted = await onlineStep(this.#need(), await this.#densities(), this.#blocksOf(window), {
      windowRows: window.rows,
      regularization: this.#options.regularization,
    })
  }

  /** Log density and percentile of each row. */
  async apply(rows: Matrix): Promise<DensityScores> {
    const { parameters, quantiles } = this.#need()
    const densities = await this.#densities()
    const scores = new Float64Array(rows.rows)
    let at = 0
    for (const block of this.#blocksOf(rows)) {
      scores.set(await logDensity(parameters.covariance, densities, block), at)
      at += block.rows
    }
    return { logDensity: scores, percentile: scores.map((s) => percentileOf(quantiles, s)) }
  }

  /** Each component's share of each row: `components` columns that add up to 1. */
  async responsibilities(rows: Matrix): Promise<Matrix> {
    const { parameters } = this.#need()
    const densities = await this.#densities()
    const components = parameters.weights.length
    const values = new Float64Array(rows.rows * components)
    let at = 0
    for (const block of this.#blocksOf(rows)) {
      values.set(await responsibilities(parameters.covariance, densities, block), at)
      at += block.rows * components
    }
    return { rows: rows.rows, columns: components, values }
  }

  /** What it takes to score rows elsewhere: the inputs of the density graph, and the quantiles of the training scores. */
  async scoring(): Promise<MixtureScoring> {
    const { parameters, quantiles } = this.#need()
    const densities = await this.#densities()
    return { covariance: parameters.covariance, densities, quantiles }
  }

  /** What was fitted. */
  state(): ModelState {
    const fitted = this.#need()
    return mixtureState(fitted, { ...this.#options, components: fitted.parameters.weights.length })
  }

  #need(): FittedMixture {
    if (this.#fitted) return this.#fitted
    throw new Error('Expected a fitted model, got one before its last `end`')
  }

  #underWay(): MixturePasses {
    if (this.#passes) return this.#passes
    throw new Error('Expected a pass, got a model before `begin`')
  }

  async #densities(): Promise<Densities> {
    const fitted = this.#need()
    const densities = fitted.densities ?? (await densitiesOf(fitted.parameters))
    if (this.#fitted === fitted) this.#fitted = { ...fitted, densities }
    return densities
  }

  #blocksOf(rows: Matrix): Iterable<Matrix> {
    const { covariance, center, weights } = this.#need().parameters
    requireColumns(rows, center.length)
    return blocksOf(rows, rowsPerBlock(rowBytes(covariance, weights.length, rows.columns)))
  }
}
