/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within channels, and rows within their length */

type Values = Float32Array | Float64Array

/**
 * Number, mean and sum of squared deviations of the values of each channel. Value i of a row is of the channel
 * ⌊i / inner⌋ mod channels, so all channels have as many values.
 *
 * Each row is taken in two passes, shifted by its first value, and added by the rule of Chan: far from 0 no digits
 * are lost, and a constant channel has deviations of exactly 0.
 *
 * @see T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for
 *   computing sample variances", 1979
 */
export class ChannelMoments {
  /** Values of each channel so far. */
  count = 0
  readonly mean: Float64Array
  readonly squares: Float64Array
  readonly #inner: number

  constructor(channels: number, inner: number) {
    this.mean = new Float64Array(channels)
    this.squares = new Float64Array(channels)
    this.#inner = inner
  }

  /** Adds a row. */
  add(row: Values): void {
    const channels = this.mean.length
    const own = new ChannelMoments(channels, this.#inner)
    own.count = row.length / channels
    for (let channel = 0; channel < channels; channel++) this.#measure(row, channel, own)
    this.merge(own)
  }

  /** Adds what `other` has seen. */
  merge(other: ChannelMoments): void {
    if (other.count === 0) return
    const count = this.count + other.count
    const share = other.count / count
    for (let channel = 0; channel < this.mean.length; channel++) {
      const delta = other.mean[channel]! - this.mean[channel]!
      this.mean[channel]! += delta * share
      this.squares[channel]! += other.squares[channel]! + delta * delta * this.count * share
    }
    this.count = count
  }

  #measure(row: Values, channel: number, into: ChannelMoments): void {
    const start = channel * this.#inner
    const period = this.mean.length * this.#inner
    const first = row[start]!
    let shifted = 0
    for (let from = start; from < row.length; from += period)
      for (let at = from; at < from + this.#inner; at++) shifted += row[at]! - first
    const mean = first + shifted / into.count
    let squares = 0
    for (let from = start; from < row.length; from += period)
      for (let at = from; at < from + this.#inner; at++) squares += (row[at]! - mean) ** 2
    into.mean[channel] = mean
    into.squares[channel] = squares
  }
}

/** How the values of each channel are scaled; see {@link ChannelMoments}. */
export interface Scale {
  /** What is taken off. */
  readonly mean: ArrayLike<number>
  /** What is divided by. */
  readonly deviation: ArrayLike<number>
  /** Values next to each other that are of one channel. */
  readonly inner: number
}

/** (x − mean) / deviation of each value of some rows, of the type of the values. */
export function standardized<V extends Values>(values: V, { mean, deviation, inner }: Scale): V {
  const out = new (values.constructor as new (length: number) => V)(values.length)
  for (let at = 0; at < out.length;)
    for (let channel = 0; channel < mean.length; channel++)
      for (const end = at + inner; at < end; at++)
        out[at] = (values[at]! - mean[channel]!) / deviation[channel]!
  return out
}
