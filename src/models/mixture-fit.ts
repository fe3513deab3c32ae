import { kernel } from '../kernels/kernel.ts'
import type { Covariance } from '../kernels/mixture-graphs.ts'
import { maximize } from './maximization.ts'
import {
  addMoments,
  type Densities,
  densitiesOf,
  emptyMoments,
  expectation,
  labelledMoments,
  type MixtureParameters,
  type Moments,
} from './mixture.ts'
import type { Matrix } from './model.ts'

/** When EM ends, and what it adds to variances. */
export interface FitSettings {
  /** Change of the mean log density below which it has converged. */
  readonly tolerance: number
  /** Most steps. */
  readonly maxIterations: number
  /** Added to each variance. */
  readonly regularization: number
}

/** k-means runs from which the best is taken for one start. */
const kMeansStarts = 10

/** One start of EM: its mixture, and the moments of the pass that is under way. */
export class MixtureFit {
  readonly #settings: FitSettings
  #parameters: MixtureParameters
  #densities: Densities
  #moments: Moments
  #last = -Infinity
  #iterations = 0
  #done = false

  /** Of a mixture that is there. */
  constructor(parameters: MixtureParameters, densities: Densities, settings: FitSettings) {
    this.#settings = settings
    this.#parameters = parameters
    this.#densities = densities
    this.#moments = this.#none()
  }

  /** Starts from the clusters of k-means on a sample of the rows. */
  static async from(
    sample: Matrix,
    stream: number,
    settings: FitSettings & {
      readonly covariance: Covariance
      readonly components: number
      readonly seed: number
    },
  ): Promise<MixtureFit> {
    const { covariance, components: clusters, seed, regularization } = settings
    const { rows, columns } = sample
    const center = new Float64Array(columns)
    for (const [at, value] of sample.values.entries())
      center[at % columns] = (center[at % columns] ?? 0) + value / rows
    const values = Float64Array.from(sample.values, (v, at) => v - (center[at % columns] ?? 0))
    const request = { values, rows, columns, clusters, starts: kMeansStarts, seed, stream }
    const { labels } = await kernel().call('cluster', request, [values.buffer])
    const moments = await labelledMoments(covariance, center, sample, labels, clusters)
    const parameters = maximize(moments, covariance, center, regularization)
    return new MixtureFit(parameters, await densitiesOf(parameters), settings)
  }

  /** The mixture as of the last pass. */
  get parameters(): MixtureParameters {
    return this.#parameters
  }

  /** The mixture for the kernel. */
  get densities(): Densities {
    return this.#densities
  }

  /** Mean log density of the rows at the last E step. */
  get meanLogDensity(): number {
    return this.#last
  }

  /** Steps so far. */
  get iterations(): number {
    return this.#iterations
  }

  /** Whether it has converged or used up its steps. */
  get done(): boolean {
    return this.#done
  }

  /** Forgets the moments. */
  begin(): void {
    this.#moments = this.#none()
  }

  /** The E step over a block, whose values move to the kernel. */
  async learn(block: Matrix): Promise<void> {
    const { moments } = await expectation(this.#parameters.covariance, this.#densities, block)
    addMoments(this.#moments, moments)
  }

  /** Adds the moments that `other` gathered with the same mixture. */
  merge(other: MixtureFit): void {
    addMoments(this.#moments, other.#moments)
  }

  /** The M step. */
  async end(): Promise<void> {
    const { tolerance, maxIterations, regularization } = this.#settings
    const mean = this.#moments.density / this.#moments.rows
    const { covariance, center } = this.#parameters
    this.#parameters = maximize(this.#moments, covariance, center, regularization)
    this.#densities = await densitiesOf(this.#parameters)
    this.#iterations++
    this.#done = Math.abs(mean - this.#last) < tolerance || this.#iterations >= maxIterations
    this.#last = mean
    this.begin()
  }

  #none(): Moments {
    const { covariance, weights, center } = this.#parameters
    return emptyMoments(covariance, weights.length, center.length)
  }
}
