import { RankSketch, type RankSketchState } from '../models/rank-sketch.ts'

/** What the numbers of a column are like. */
export interface Summary {
  /** How many there are. */
  readonly count: number
  /** How many rows have none. */
  readonly missing: number
  /** Their mean. */
  readonly mean: number
  /** Their standard deviation, of the population. */
  readonly std: number
  /** At each share asked for, the value that so many do not exceed. */
  readonly quantiles: readonly number[]
}

/** For a checkpoint. */
export interface ColumnSummaryState {
  /** See {@link Summary}. */
  readonly count: number
  /** See {@link Summary}. */
  readonly missing: number
  /** See {@link Summary}. */
  readonly mean: number
  /** Sum of the squared differences from the mean. */
  readonly squares: number
  /** The numbers in order, as far as it knows. */
  readonly sketch: RankSketchState
}

/**
 * Summarises numbers in one pass: mean and deviation exactly (Welford), quantiles by a {@link RankSketch}, whose ranks are
 * within `error` of all values.
 *
 * @see Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962)
 */
export class ColumnSummary {
  readonly #sketch: RankSketch
  #count = 0
  #missing = 0
  #mean = 0
  #squares = 0

  constructor(error: number, from?: ColumnSummaryState) {
    this.#sketch = from ? RankSketch.fromState(error, from.sketch) : new RankSketch(error)
    this.#count = from?.count ?? 0
    this.#missing = from?.missing ?? 0
    this.#mean = from?.mean ?? 0
    this.#squares = from?.squares ?? 0
  }

  /** Adds a number; one that is not finite is missing. */
  add(value: number): void {
    if (!Number.isFinite(value)) {
      this.#missing++
      return
    }
    this.#count++
    const off = value - this.#mean
    this.#mean += off / this.#count
    this.#squares += off * (value - this.#mean)
    this.#sketch.add(value)
  }

  /** What was added, with the quantiles at `shares` (0 to 1); NaN without a number. */
  summary(shares: readonly number[]): Summary {
    const none = this.#count === 0
    const ranked = this.#sketch.ranked()
    return {
      count: this.#count,
      missing: this.#missing,
      mean: none ? NaN : this.#mean,
      std: none ? NaN : Math.sqrt(this.#squares / this.#count),
      quantiles: shares.map((share) => (none ? NaN : ranked.middle(share))),
    }
  }

  /** All it takes to go on as if nothing had happened. */
  state(): ColumnSummaryState {
    return {
      ...{ count: this.#count, missing: this.#missing },
      ...{ mean: this.#mean, squares: this.#squares },
      sketch: this.#sketch.state(),
    }
  }
}
