import { DataError, OptionError } from '../errors.ts'
import { ChannelMoments, standardized } from '../kernels/channel-moments.ts'
import { knownOptions, positiveInteger } from '../options.ts'
import { float64Array, type Matrix, type Model, type ModelState, requireState } from './model.ts'
import { requireColumns, requireFinite } from './row-blocks.ts'

/** Options of {@link Standardizer}. */
export interface StandardizerOptions {
  /** Values in a row. */
  readonly columns: number
  /**
   * How many means and deviations there are; a divisor of `columns`.
   *
   * @default as many as `columns`: one for each value
   */
  readonly channels?: number
  /**
   * Values next to each other that are of one channel: value i is of channel ⌊i / inner⌋ mod channels.
   *
   * @default 1
   */
  readonly inner?: number
}

const kind = 'standardizer'
const version = 1

/**
 * Mean and standard deviation: (x − mean) / deviation, each of its channel.
 *
 * Fitting is one pass and exact: rows are added one by one by the rule of Chan, in float64.
 *
 * - Units: `deviation` is √(Σ(x − mean)² / n), of the values of all rows.
 * - A constant channel: deviation 1, so its values become 0. One row of one value per channel: all of them.
 * - No row: an error. A value that is not finite: an error in `learn`; in `apply` it alone stays so.
 * - Cost: two passes over each row to learn, one to apply. Memory: 16 bytes per channel.
 *
 * @see src/kernels/channel-moments.ts for the arithmetic
 * @example
 * const model = new Standardizer({ columns: 1 })
 * model.begin()
 * await model.learn({ rows: 2, columns: 1, values: Float32Array.of(1, 5) })
 * await model.end()
 * model.deviation // => [2]
 */
export class Standardizer implements Model<Matrix> {
  readonly kind = kind
  readonly #columns: number
  readonly #channels: number
  readonly #inner: number
  #pass: ChannelMoments | undefined
  #fitted: ChannelMoments | undefined

  /** @throws {OptionError} if an option is not as documented */
  constructor(options: StandardizerOptions) {
    knownOptions('Standardizer', options, ['columns', 'channels', 'inner'])
    this.#columns = positiveInteger('columns', options.columns)
    this.#channels = positiveInteger('channels', options.channels ?? this.#columns)
    this.#inner = positiveInteger('inner', options.inner ?? 1)
    const turn = this.#channels * this.#inner
    if (this.#columns % turn !== 0)
      throw new OptionError(
        `Expected option \`columns\` to be a multiple of channels · inner, ${String(turn)}, got ${String(this.#columns)}`,
      )
  }

  /**
   * Makes a model from what {@link Standardizer.state} gave.
   *
   * @throws {DataError} if the state is of another kind, version or shape
   */
  static fromState(state: ModelState): Standardizer {
    requireState(state, kind, version)
    const mean = float64Array(state, 'mean', [null])
    const squares = float64Array(state, 'squares', [mean.length])
    const { columns, inner } = state.parameters
    const options = { columns: Number(columns), channels: mean.length, inner: Number(inner) }
    const model = new Standardizer(options)
    const fitted = (model.#fitted = model.#nothing())
    fitted.mean.set(mean)
    fitted.squares.set(squares)
    fitted.count = (state.rowsSeen * options.columns) / mean.length
    return model
  }

  /** Values in a row. */
  get columns(): number {
    return this.#columns
  }

  /** Rows of the last fit and the windows since. */
  get rowsSeen(): number {
    return ((this.#fitted?.count ?? 0) * this.#channels) / this.#columns
  }

  /** The mean of each channel. */
  get mean(): Float64Array {
    return this.#moments().mean.slice()
  }

  /** The standard deviation of each channel; 1 where it is constant. */
  get deviation(): Float64Array {
    const { squares, count } = this.#moments()
    return squares.map((sum) => (sum > 0 ? Math.sqrt(sum / count) : 1))
  }

  /** Starts a fit from nothing. */
  begin(): void {
    this.#pass = undefined
  }

  /** @throws {DataError} if a value is not finite */
  learn(rows: Matrix): Promise<void> {
    this.#pass ??= this.#nothing()
    return this.#add(this.#pass, rows)
  }

  /** Adds the statistics of the same pass over other rows. */
  merge(other: Standardizer): Promise<void> {
    this.#pass ??= this.#nothing()
    if (other.#pass) this.#pass.merge(other.#pass)
    return Promise.resolve()
  }

  /** @throws {DataError} if there was no row */
  async end(): Promise<false> {
    if (!this.#pass?.count)
      throw new DataError('Expected at least one row, got none', { url: 'memory' })
    this.#fitted = this.#pass
    this.begin()
    return Promise.resolve(false)
  }

  /** Adds a window of rows to a fitted model, whose rows all count alike. */
  learnOnline(window: Matrix): Promise<void> {
    return this.#add(this.#moments(), window)
  }

  /** The rows, standardized, of the type that came in. */
  apply(rows: Matrix): Promise<Matrix> {
    requireColumns(rows, this.#columns)
    const { mean, deviation } = this
    const values = standardized(rows.values, { mean, deviation, inner: this.#inner })
    return Promise.resolve({ ...rows, values })
  }

  /** What was fitted. */
  state(): ModelState {
    const { mean, squares } = this.#moments()
    const shape = [this.#channels]
    return {
      kind,
      version,
      rowsSeen: this.rowsSeen,
      parameters: { columns: this.#columns, inner: this.#inner },
      arrays: {
        mean: { shape, values: mean.slice() },
        squares: { shape, values: squares.slice() },
      },
    }
  }

  #nothing(): ChannelMoments {
    return new ChannelMoments(this.#channels, this.#inner)
  }

  async #add(moments: ChannelMoments, rows: Matrix): Promise<void> {
    requireColumns(rows, this.#columns)
    requireFinite(rows)
    for (let from = 0; from < rows.values.length; from += this.#columns)
      moments.add(rows.values.subarray(from, from + this.#columns))
    return Promise.resolve()
  }

  #moments(): ChannelMoments {
    if (this.#fitted) return this.#fitted
    throw new Error('Expected a fitted model, got one before its first `end`')
  }
}
