/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within components × columns */
import { DataError } from '../errors.ts'
import { float64Array, type Matrix, type Model, type ModelState, requireState } from './model.ts'
import { type PcaOptions, pcaOptions } from './pca-options.ts'
import { project, unproject } from './projection.ts'
import { requireColumns, requireFinite, RowBlocks, rowsPerBlock } from './row-blocks.ts'
import { Scatter } from './scatter.ts'
import {
  addBlock,
  emptySpectrum,
  mergeSpectra,
  type Search,
  type Spectrum,
  spectrumOf,
} from './spectrum.ts'

export type { PcaOptions } from './pca-options.ts'

const kind = 'pca'
const version = 1

/** Up to this many columns the scatter matrix is kept whole (at most 134 MB). */
const mostScatterColumns = 4096
/** Rows of one update where it is not. */
const wideBlockRows = 256

/**
 * Principal component analysis: scores = (x − mean)·Vᵀ, the rows of V the directions of largest variance.
 *
 * Fitting is one pass and exact up to 4,096 columns: mean and scatter are merged block by block, then
 * the top eigenpairs are computed. Wider rows, and `learnOnline`, keep only the mean and about twice as
 * many directions as `components`, an approximation that leaves out the smallest at each update.
 *
 * With `batchRows` it is scikit-learn's incremental PCA, and a last batch of fewer rows than components joins the one
 * before.
 *
 * - Units: `explainedVariance` is λ/(n − 1); its ratio is to the variance of all columns.
 * - Signs: the entry of largest magnitude is positive (the first of equals); after `learnOnline` the
 *   sign that agrees with the component before, so that a series does not flip.
 * - Fewer directions than components (too few rows, constant columns): the rest are zero vectors of
 *   variance 0, and score 0, whitened or not. One row: all of them. No row: an error.
 * - A value that is not finite: an error in `learn`; NaN scores for that row in `apply`.
 * - Cost: columns² per row to learn, components · columns to apply. Memory: columns² · 8 bytes to fit.
 *
 * @see I. T. Jolliffe, "Principal Component Analysis", 2002
 * @example
 * const pca = new Pca({ components: 2 })
 * pca.begin()
 * await pca.learn({ rows: 3, columns: 2, values: Float32Array.of(0, 0, 1, 1, 2, 2) })
 * await pca.end()
 * pca.explainedVariance // => [2, 0]
 */
export class Pca implements Model<Matrix> {
  readonly kind = kind
  readonly #count: number
  readonly #whiten: boolean
  readonly #batchRows: number | undefined
  readonly #seed: number
  #blocks: RowBlocks | undefined
  #scatter: Scatter | undefined
  #wide: Spectrum | undefined
  #fitted: Spectrum | undefined

  /** @throws {OptionError} if an option is not as documented */
  constructor(options: PcaOptions) {
    const { components, whiten, batchRows, seed } = pcaOptions(options)
    this.#count = components
    this.#whiten = whiten
    this.#batchRows = batchRows
    this.#seed = seed
  }

  /**
   * Makes a model from what {@link Pca.state} gave.
   *
   * @throws {DataError} if the state is of another kind, version or shape
   */
  static fromState(state: ModelState): Pca {
    requireState(state, kind, version)
    const { components, whiten, batchRows, seed, total } = state.parameters
    const pca = new Pca({
      components: Number(components),
      whiten: whiten === true,
      ...(typeof batchRows === 'number' && { batchRows }),
      seed: Number(seed),
    })
    const mean = float64Array(state, 'mean', [null])
    const values = float64Array(state, 'values', [null])
    const vectors = float64Array(state, 'vectors', [values.length, mean.length])
    if (values.length < pca.#count)
      throw new DataError(
        `Expected ${String(pca.#count)} components, got ${String(values.length)}`,
        { url: state.origin ?? 'memory' },
      )
    pca.#fitted = { rows: state.rowsSeen, mean, total: Number(total), values, vectors }
    return pca
  }

  /** Rows of the last fit and the windows since. */
  get rowsSeen(): number {
    return this.#fitted?.rows ?? 0
  }

  /** The mean row. */
  get mean(): Float64Array {
    return this.#spectrum().mean
  }

  /** One component per row, of length 1, largest variance first. */
  get components(): Matrix {
    const { vectors, mean } = this.#spectrum()
    const columns = mean.length
    return { rows: this.#count, columns, values: vectors.slice(0, this.#count * columns) }
  }

  /** Variance along each component. */
  get explainedVariance(): Float64Array {
    const { values, rows } = this.#spectrum()
    return values.slice(0, this.#count).map((value) => (rows > 1 ? value / (rows - 1) : 0))
  }

  /** Share of the whole variance along each component. */
  get explainedVarianceRatio(): Float64Array {
    const { values, total } = this.#spectrum()
    return values.slice(0, this.#count).map((value) => (total > 0 ? value / total : 0))
  }

  /** Starts a fit from nothing. */
  begin(): void {
    this.#blocks = undefined
    this.#scatter = undefined
    this.#wide = undefined
  }

  /** @throws {DataError} if a value is not finite, or there are fewer columns than components */
  async learn(rows: Matrix): Promise<void> {
    if (rows.rows === 0) return
    this.#blocks ??= this.#start(rows.columns)
    await this.#blocks.push(rows)
  }

  /** Adds the statistics of the same pass over other rows. */
  async merge(other: Pca): Promise<void> {
    await other.#blocks?.flush()
    if (other.#scatter) {
      this.#blocks ??= this.#start(other.#scatter.mean.length)
      await this.#blocks.flush()
      this.#scatter?.merge(other.#scatter)
    } else if (other.#wide) {
      this.#blocks ??= this.#start(other.#wide.mean.length)
      await this.#blocks.flush()
      if (this.#wide)
        this.#wide = this.#kept(await mergeSpectra(this.#wide, other.#wide, this.#search))
    }
  }

  /** @throws {DataError} if there was no row */
  async end(): Promise<false> {
    await this.#blocks?.flush()
    const found = this.#scatter ? await spectrumOf(this.#scatter, this.#search) : this.#wide
    if (!found) throw new DataError('Expected at least one row, got none', { url: 'memory' })
    this.begin()
    this.#fitted = { ...found, vectors: oriented(found.vectors, found.mean.length) }
    return false
  }

  /** Adds a window of rows to a fitted model. */
  async learnOnline(window: Matrix): Promise<void> {
    const fitted = this.#spectrum()
    requireColumns(window, fitted.mean.length)
    requireFinite(window)
    if (window.rows === 0) return
    const found = this.#kept(await addBlock(fitted, window, this.#search))
    const vectors = oriented(found.vectors, found.mean.length, fitted.vectors)
    this.#fitted = { ...found, vectors }
  }

  /** The scores of rows: `components` columns, of the type that came in. */
  async apply(rows: Matrix): Promise<Matrix> {
    const { mean, turn } = this.projection()
    requireColumns(rows, mean.length)
    return project(rows, mean, turn)
  }

  /** What it takes to score rows elsewhere: scores = (x − mean)·turnᵀ, turn [components, columns]. */
  projection(): { readonly mean: Float64Array; readonly turn: Float64Array } {
    const { mean } = this.#spectrum()
    const scales = this.#scales().map((scale) => (scale > 0 ? 1 / scale : 0))
    return { mean, turn: scaledRows(this.components, scales) }
  }

  /** The rows that have these scores: mean + scores·V. */
  inverse(scores: Matrix): Promise<Matrix> {
    const { mean } = this.#spectrum()
    requireColumns(scores, this.#count)
    const turn = scaledRows(this.components, this.#scales())
    return unproject(scores, mean, turn)
  }

  /** What was fitted, with the directions that online learning goes on from. */
  state(): ModelState {
    const { rows, mean, total, values, vectors } = this.#spectrum()
    return {
      kind,
      version,
      rowsSeen: rows,
      parameters: {
        components: this.#count,
        whiten: this.#whiten,
        ...(this.#batchRows !== undefined && { batchRows: this.#batchRows }),
        seed: this.#seed,
        total,
        explainedVarianceRatio: [...this.explainedVarianceRatio],
      },
      arrays: {
        mean: { shape: [mean.length], values: mean },
        values: { shape: [values.length], values },
        vectors: { shape: [values.length, mean.length], values: vectors },
      },
    }
  }

  get #search(): Search {
    return { count: this.#count, seed: this.#seed }
  }

  #start(columns: number): RowBlocks {
    if (columns < this.#count)
      throw new DataError(
        `Expected at least ${String(this.#count)} columns for as many components, got ${String(columns)}`,
        { url: 'memory' },
      )
    if (this.#batchRows !== undefined || columns > mostScatterColumns) {
      this.#wide = emptySpectrum(columns)
      const leastRows = this.#batchRows === undefined ? 0 : this.#count
      return new RowBlocks(this.#batchRows ?? wideBlockRows, (block) => this.#add(block), {
        leastRows,
      })
    }
    const scatter = (this.#scatter = new Scatter(columns))
    return new RowBlocks(rowsPerBlock(8 * columns), (block) => scatter.add(block))
  }

  async #add(block: Matrix): Promise<void> {
    if (this.#wide) this.#wide = this.#kept(await addBlock(this.#wide, block, this.#search))
  }

  /** Without the directions that an incremental fit leaves out at each batch. */
  #kept(found: Spectrum): Spectrum {
    if (this.#batchRows === undefined) return found
    const { values, vectors, mean } = found
    return {
      ...found,
      values: values.slice(0, this.#count),
      vectors: vectors.slice(0, this.#count * mean.length),
    }
  }

  #spectrum(): Spectrum {
    if (this.#fitted) return this.#fitted
    throw new Error('Expected a fitted model, got one before its first `end`')
  }

  /** What a score of 1 stands for along each component; 0 where there is no direction. */
  #scales(): Float64Array {
    return this.explainedVariance.map((v) => (v > 0 ? (this.#whiten ? Math.sqrt(v) : 1) : 0))
  }
}

function scaledRows({ values, columns }: Matrix, scales: Float64Array): Float64Array {
  return Float64Array.from(values, (value, at) => value * scales[Math.floor(at / columns)]!)
}

/** Turns each row so that its largest entry is positive, or that it agrees with the row before. */
function oriented(vectors: Float64Array, columns: number, before?: Float64Array): Float64Array {
  const out = vectors.slice()
  for (let from = 0; from < out.length; from += columns) {
    const row = out.subarray(from, from + columns)
    let largest = 0
    let agreement = 0
    for (let i = 0; i < columns; i++) {
      if (Math.abs(row[i]!) > Math.abs(row[largest]!)) largest = i
      agreement += row[i]! * (before?.[from + i] ?? 0)
    }
    if ((agreement || row[largest]!) < 0) for (let i = 0; i < columns; i++) row[i]! *= -1
  }
  return out
}
