import type { Density, DensityScores, ScoringModel } from './density.ts'
import type { ScoreReference } from './gap.ts'
import { float64Array, type Matrix, type ModelState } from './model.ts'
import { percentileOf, quantilesOf } from './quantiles.ts'
import { hashRows, RowSample } from './row-sample.ts'

/** Scores kept to take quantiles of: all of them up to so many rows, then a sample. */
const scoreRows = 65_536
/** Latest scores kept for the quantiles while learning online. */
const recentScores = 4096
/** Tells the arrays of the model within from those about its scores. */
const within = 'model.'

/**
 * Percentiles for a model that says one number of a row: when it is fitted, one pass more scores all
 * rows. Online the quantiles are those of the latest 4,096 scores, each made before its row was learned.
 */
export class RankedDensity implements Density {
  readonly #model: ScoringModel
  #reference: ScoreReference | undefined
  #recent = new Float64Array(0)
  #scores: { readonly sample: RowSample; rows: number; sum: number } | undefined

  constructor(model: ScoringModel) {
    this.#model = model
  }

  /** Makes a density from what {@link RankedDensity.state} gave, and its model by `restore`. */
  static fromState(state: ModelState, restore: (state: ModelState) => ScoringModel): RankedDensity {
    const { model, rows, meanLogDensity, optimism } = state.parameters
    const own = Object.entries(state.arrays).filter(([name]) => name.startsWith(within))
    const arrays = Object.fromEntries(own.map(([name, a]) => [name.slice(within.length), a]))
    const density = new RankedDensity(
      restore({ ...state, parameters: model as ModelState['parameters'], arrays }),
    )
    density.#recent = float64Array(state, 'recent', [null]).slice()
    density.#reference = {
      rows: Number(rows),
      meanLogDensity: Number(meanLogDensity),
      optimism: Number(optimism),
      quantiles: float64Array(state, 'quantiles', [null]),
    }
    return density
  }

  get kind(): string {
    return this.#model.kind
  }

  get rowsSeen(): number {
    return this.#model.rowsSeen
  }

  get reference(): ScoreReference {
    if (this.#reference) return this.#reference
    throw new Error('Expected a fitted model, got one before its last `end`')
  }

  begin(): void | Promise<void> {
    if (!this.#scores) return this.#model.begin()
    this.#scores = emptyScores()
  }

  async learn(rows: Matrix): Promise<void> {
    if (!this.#scores) return this.#model.learn(rows)
    const scores = await this.#model.apply(rows)
    this.#scores.sample.add(hashRows(rows), scores)
    this.#scores.rows += rows.rows
    for (const score of scores) this.#scores.sum += score
  }

  async merge(other: this): Promise<void> {
    if (!this.#scores || !other.#scores) return this.#model.merge(other.#model)
    this.#scores.sample.merge(other.#scores.sample)
    this.#scores.rows += other.#scores.rows
    this.#scores.sum += other.#scores.sum
  }

  async end(): Promise<boolean> {
    if (!this.#scores) {
      if (await this.#model.end()) return true
      this.#scores = emptyScores()
      return true
    }
    const { sample, rows, sum } = this.#scores
    this.#scores = undefined
    this.#reference = {
      rows,
      meanLogDensity: sum / rows,
      optimism: (this.#model.freeParameters ?? 0) / rows,
      quantiles: quantilesOf(Float64Array.from(sample.rows().values)),
    }
    return false
  }

  beginOnline(): void {
    this.#model.beginOnline?.()
  }

  async learnOnline(window: Matrix): Promise<void> {
    const before = this.#recent.length > 0 ? this.#recent : this.reference.quantiles
    const scores = await this.#model.apply(window)
    await this.#model.learnOnline(window)
    this.#recent = Float64Array.from([...before, ...scores].slice(-recentScores))
    this.#reference = {
      rows: this.#recent.length,
      meanLogDensity: this.#recent.reduce((a, b) => a + b, 0) / this.#recent.length,
      optimism: 0,
      quantiles: quantilesOf(this.#recent.slice()),
    }
  }

  async apply(rows: Matrix): Promise<DensityScores> {
    const { quantiles } = this.reference
    const logDensity = await this.#model.apply(rows)
    return { logDensity, percentile: logDensity.map((s) => percentileOf(quantiles, s)) }
  }

  state(): ModelState {
    const { rows, meanLogDensity, optimism, quantiles } = this.reference
    const { parameters, arrays, ...state } = this.#model.state()
    const own = Object.entries(arrays).map(([name, array]) => [`${within}${name}`, array] as const)
    return {
      ...state,
      parameters: { model: parameters, rows, meanLogDensity, optimism },
      arrays: {
        ...Object.fromEntries(own),
        quantiles: { shape: [quantiles.length], values: quantiles },
        recent: { shape: [this.#recent.length], values: this.#recent },
      },
    }
  }
}

function emptyScores() {
  return { sample: new RowSample(scoreRows, 1), rows: 0, sum: 0 }
}
