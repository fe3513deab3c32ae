import type { RankedValues } from './ranked-values.ts'
import { RankSketch, type RankSketchState } from './rank-sketch.ts'

/** What {@link RunningNumbers.state} gives, for `structuredClone`. */
export interface RunningNumbersState {
  /** Their mean. */
  readonly mean: number
  /** Sum of the squared differences from the mean. */
  readonly squares: number
  /** The numbers in order, as far as it knows. */
  readonly sketch: RankSketchState
}

/**
 * Finite numbers as far as they have come: mean and deviation exactly, ranks by a {@link RankSketch}.
 *
 * @see Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962)
 */
export class RunningNumbers {
  readonly #sketch: RankSketch
  #mean: number
  #squares: number

  /** `error`: how far a rank may be off, in parts of the numbers. */
  constructor(error: number, from?: RunningNumbersState) {
    this.#sketch = from ? RankSketch.fromState(error, from.sketch) : new RankSketch(error)
    this.#mean = from?.mean ?? 0
    this.#squares = from?.squares ?? 0
  }

  /** How many there are. */
  get count(): number {
    return this.#sketch.count
  }

  /** Their mean; 0 without any. */
  get mean(): number {
    return this.#mean
  }

  /** Their standard deviation, of the population; NaN without any. */
  get deviation(): number {
    return Math.sqrt(this.#squares / this.count)
  }

  /** They in order; see {@link RankSketch.ranked}. */
  get ranked(): RankedValues {
    return this.#sketch.ranked()
  }

  /** Adds a finite number. */
  add(value: number): void {
    this.#sketch.add(value)
    const delta = value - this.#mean
    this.#mean += delta / this.count
    this.#squares += delta * (value - this.#mean)
  }

  /** All it takes to go on as if nothing had happened. */
  state(): RunningNumbersState {
    return { mean: this.#mean, squares: this.#squares, sketch: this.#sketch.state() }
  }
}
