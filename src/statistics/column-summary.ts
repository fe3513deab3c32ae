import { RunningNumbers, type RunningNumbersState } from '../models/running-numbers.ts'

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
  readonly missing: number
  /** The numbers. */
  readonly numbers: RunningNumbersState
}

/** Summarises numbers in one pass: mean and deviation exactly, the ranks of quantiles within `error` of all values. */
export class ColumnSummary {
  readonly #numbers: RunningNumbers
  #missing: number

  constructor(error: number, from?: ColumnSummaryState) {
    this.#numbers = new RunningNumbers(error, from?.numbers)
    this.#missing = from?.missing ?? 0
  }

  /** Adds a number; one that is not finite is missing. */
  add(value: number): void {
    if (Number.isFinite(value)) this.#numbers.add(value)
    else this.#missing++
  }

  /** What was added, with the quantiles at `shares` (0 to 1); NaN without a number. */
  summary(shares: readonly number[]): Summary {
    const { count, mean, deviation, ranked } = this.#numbers
    const none = count === 0
    return {
      ...{ count, missing: this.#missing },
      mean: none ? NaN : mean,
      std: deviation,
      quantiles: shares.map((share) => (none ? NaN : ranked.middle(share))),
    }
  }

  /** All it takes to go on as if nothing had happened. */
  state(): ColumnSummaryState {
    return { missing: this.#missing, numbers: this.#numbers.state() }
  }
}
