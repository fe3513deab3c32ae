import { DataError } from '../errors.ts'
import type { Covariance } from '../kernels/mixture-graphs.ts'
import { type FitSettings, MixtureFit } from './mixture-fit.ts'
import type { ComponentsBic, FittedMixture } from './mixture-state.ts'
import { bic, densitiesOf, logDensity, type MixtureParameters, rowBytes } from './mixture.ts'
import type { Matrix } from './model.ts'
import { quantilesOf } from './quantiles.ts'
import { RowBlocks, rowsPerBlock } from './row-blocks.ts'
import { hashRows, RowSample } from './row-sample.ts'

/** Rows and bytes of the sample that k-means starts from; at least so many rows per component. */
const sampleRows = 8192
const sampleBytes = 64 * 2 ** 20
const sampleRowsPerComponent = 50
/** Scores kept to take quantiles of: all of them up to so many rows, then a sample. */
const scoreRows = 65_536

/** What the passes need to know. */
export interface PassSettings extends FitSettings {
  /** Numbers of Gaussians to choose from, ascending. */
  readonly components: readonly number[]
  /** Shape of the covariances. */
  readonly covariance: Covariance
  /** For the draws of k-means++. */
  readonly seed: number
  /** Starts of EM. */
  readonly starts: number
}

/** `sample` draws rows for k-means, `expectation` is a step of EM, `scores` takes the quantiles. */
type Phase = 'sample' | 'expectation' | 'scores'

/** The passes of one fit: what each gathers, and which comes next. */
export class MixturePasses {
  readonly #settings: PassSettings
  #phase: Phase
  #fits: readonly MixtureFit[]
  #choice: readonly ComponentsBic[] = []
  #blocks: RowBlocks | undefined
  #sample: RowSample | undefined
  #columns = 0
  #rows = 0
  #density = 0

  /** Begins with `sample`, or with `expectation` from a mixture that is there. */
  constructor(settings: PassSettings, from?: MixtureFit) {
    this.#settings = settings
    this.#phase = from ? 'expectation' : 'sample'
    this.#fits = from ? [from] : []
  }

  /** Goes on from a mixture that is there. */
  static async from(settings: PassSettings, parameters: MixtureParameters): Promise<MixturePasses> {
    const densities = await densitiesOf(parameters)
    return new MixturePasses(settings, new MixtureFit(parameters, densities, settings))
  }

  /** The mixtures of the starts, as of the last pass. */
  get mixtures(): readonly MixtureParameters[] {
    return this.#fits.map((fit) => fit.parameters)
  }

  /** Starts a pass. */
  begin(): void {
    this.#blocks = undefined
    this.#sample = undefined
    this.#rows = 0
    this.#density = 0
    for (const fit of this.#fits) fit.begin()
  }

  /** Adds rows to the pass. */
  async learn(rows: Matrix): Promise<void> {
    if (rows.rows > 0) await this.#started(rows.columns).push(rows)
  }

  /** Adds what `other` gathered in the same pass with the same mixtures. */
  async merge(other: MixturePasses): Promise<void> {
    await other.#blocks?.flush()
    if (other.#rows === 0) return
    if (this.#phase !== other.#phase || this.#fits.length !== other.#fits.length)
      throw new Error(
        `Expected a model in the same pass \`${this.#phase}\`, got \`${other.#phase}\``,
      )
    await this.#started(other.#columns).flush()
    this.#rows += other.#rows
    this.#density += other.#density
    if (other.#sample) this.#sample?.merge(other.#sample)
    for (const [i, fit] of this.#fits.entries()) {
      const part = other.#fits[i]
      if (part) fit.merge(part)
    }
  }

  /** Ends the pass; gives the fitted mixture after the last one. */
  async end(): Promise<FittedMixture | undefined> {
    await this.#blocks?.flush()
    const [fewest = 1] = this.#settings.components
    if (this.#rows < fewest)
      throw new DataError(
        `Expected at least ${String(fewest)} rows for as many components, got ${String(this.#rows)}`,
        { url: 'memory' },
      )
    if (this.#phase === 'sample') await this.#endSample()
    else if (this.#phase === 'expectation') await this.#endStep()
    else return this.#endScores()
    return undefined
  }

  #started(columns: number): RowBlocks {
    if (this.#blocks) return this.#blocks
    const { components, covariance } = this.#settings
    const most = components.at(-1) ?? 1
    this.#columns = this.#fits[0]?.parameters.center.length ?? columns
    if (this.#phase === 'sample') {
      const fitting = Math.min(sampleRows, Math.floor(sampleBytes / (8 * columns)))
      const rows = Math.max(fitting, sampleRowsPerComponent * most)
      this.#sample = new RowSample(rows, columns)
    } else if (this.#phase === 'scores') this.#sample = new RowSample(scoreRows, 1)
    const blockRows = rowsPerBlock(rowBytes(covariance, most, columns))
    return (this.#blocks = new RowBlocks(blockRows, (block) => this.#learnBlock(block), {
      columns: this.#columns,
    }))
  }

  async #learnBlock(block: Matrix): Promise<void> {
    this.#rows += block.rows
    const open = this.#fits.filter((fit) => !fit.done)
    if (this.#phase === 'sample') this.#sample?.add(hashRows(block), block.values)
    else if (this.#phase === 'expectation')
      for (const fit of open)
        await fit.learn(fit === open.at(-1) ? block : { ...block, values: block.values.slice() })
    else await this.#score(block)
  }

  async #score(block: Matrix): Promise<void> {
    const keys = hashRows(block)
    const { covariance } = this.#settings
    const scores = await logDensity(covariance, this.#kept.densities, block)
    this.#sample?.add(keys, scores)
    for (const score of scores) this.#density += score
  }

  async #endSample(): Promise<void> {
    const rows = this.#sample?.rows()
    const fits: MixtureFit[] = []
    const { components: numbers, starts } = this.#settings
    for (const components of numbers.filter((n) => n <= this.#rows))
      for (let stream = 0; rows && stream < starts; stream++)
        fits.push(await MixtureFit.from(rows, stream, { ...this.#settings, components }))
    this.#fits = fits
    this.#phase = 'expectation'
  }

  async #endStep(): Promise<void> {
    for (const fit of this.#fits) if (!fit.done) await fit.end()
    if (this.#fits.some((fit) => !fit.done)) return
    const ranked = this.#fits
      .map((fit) => ({
        fit,
        components: fit.parameters.weights.length,
        bic: bic(fit.parameters, this.#rows, fit.meanLogDensity),
      }))
      .sort((a, b) => a.bic - b.bic)
    const numbers = [...new Set(this.#fits.map((fit) => fit.parameters.weights.length))]
    this.#choice = numbers.map((components) => ({
      components,
      bic: ranked.find((one) => one.components === components)?.bic ?? NaN,
    }))
    this.#fits = ranked.slice(0, 1).map(({ fit }) => fit)
    this.#phase = 'scores'
  }

  #endScores(): FittedMixture {
    const { parameters, densities } = this.#kept
    const scores = this.#sample?.rows().values
    return {
      parameters,
      densities,
      rows: this.#rows,
      meanLogDensity: this.#density / this.#rows,
      choice: this.#choice,
      quantiles: quantilesOf(Float64Array.from(scores ?? [])),
      recent: new Float64Array(0),
      windows: undefined,
    }
  }

  /** The start that was kept. */
  get #kept(): MixtureFit {
    const [kept] = this.#fits
    if (!kept) throw new Error('Expected a start of EM, got none')
    return kept
  }
}
