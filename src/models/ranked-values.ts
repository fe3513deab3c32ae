/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the values */

/**
 * Numbers in order, and how many rows there are up to each: of all rows, or of some that stand for them.
 *
 * With `ends`, `values[i]` stands for rows `ends[i - 1]` to `ends[i]` (half-open, from 0) in ascending order;
 * without, each value for one row.
 */
export class RankedValues {
  /** Ascending. */
  readonly values: Float64Array
  /** Rows up to and with each value, if a value may stand for several; whole numbers, ascending. */
  readonly ends: Float64Array | undefined

  constructor(values: Float64Array, ends?: Float64Array) {
    this.values = values
    this.ends = ends
  }

  /** The values themselves, exactly; sorts them in place. */
  static of(values: Float64Array): RankedValues {
    return new RankedValues(values.sort())
  }

  /** Rows. */
  get count(): number {
    return this.ends ? (this.ends.at(-1) ?? 0) : this.values.length
  }

  /** The value of the row `index` in ascending order, from 0. */
  at(index: number): number {
    const { values, ends } = this
    return values[ends ? firstAbove(ends, index) : index]!
  }

  /** Rows with a value below `value`. */
  below(value: number): number {
    return this.#endOf(firstFrom(this.values, value) - 1)
  }

  /** Rows with a value of at most `value`. */
  upTo(value: number): number {
    return this.#endOf(firstAbove(this.values, value) - 1)
  }

  /** The mean of the rows on both sides of `share` of the way from the first to the last (0.5: the median). */
  middle(share: number): number {
    const index = share * (this.count - 1)
    const low = this.at(Math.floor(index))
    // Halved before they are added: the sum of two large values may be infinite.
    return Number.isInteger(index) ? low : low / 2 + this.at(Math.ceil(index)) / 2
  }

  /** The rows with each of the values: `visit(value, rows)`, ascending; equal values are put together. */
  forEachValue(visit: (value: number, rows: number) => void): void {
    const { values } = this
    for (let i = 0, before = 0; i < values.length;) {
      const value = values[i]!
      while (i < values.length && values[i] === value) i++
      const end = this.#endOf(i - 1)
      visit(value, end - before)
      before = end
    }
  }

  /** Only the values below `lower` or above `upper`, and what it takes for these, and all beyond, to keep their ranks. */
  beyond(lower: number, upper: number): RankedValues {
    const kept: number[] = []
    const ends: number[] = []
    let done = 0
    let left = NaN
    this.forEachValue((value, rows) => {
      if (value > upper && done > (ends.at(-1) ?? 0)) {
        kept.push(left)
        ends.push(done)
      }
      done += rows
      left = value
      if (value >= lower && value <= upper && done < this.count) return
      kept.push(value)
      ends.push(done)
    })
    return new RankedValues(Float64Array.from(kept), Float64Array.from(ends))
  }

  #endOf(index: number): number {
    if (index < 0) return 0
    return this.ends ? this.ends[index]! : index + 1
  }
}

/** The first index whose value is above `value`. */
function firstAbove(values: Float64Array, value: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

/** The first index whose value is at least `value`. */
function firstFrom(values: Float64Array, value: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! >= value) high = middle
    else low = middle + 1
  }
  return low
}
