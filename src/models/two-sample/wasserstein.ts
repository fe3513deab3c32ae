/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the samples */
import type { Random } from '../../kernels/random.ts'
import { type Permuting, permutationP, reachedBy, type TwoSampleResult } from './two-sample.ts'

/** How far apart two samples are. */
export interface WassersteinResult extends TwoSampleResult {
  /** The distance, in the unit of the values; `statistic` is it by the scale of x. */
  readonly distance: number
}

/**
 * The Wasserstein-1 distance ∫ |F − G|, how far the values of x have to be moved on average to become those of y. The statistic is the distance by
 * the interquartile range of x; where that is 0 by its range, and where that is 0 too as it is.
 *
 * It has no p-value of its own: the rows are put into two samples at random, `permutations` times.
 *
 * @param x the reference, ascending, at least one value
 * @param y likewise
 */
export function wasserstein(
  x: Float64Array,
  y: Float64Array,
  { permutations, random }: Permuting,
): WassersteinResult {
  const pooled = Float64Array.from([...x, ...y])
  const order = [...pooled.keys()].sort((a, b) => pooled[a]! - pooled[b]!)
  const gaps = Float64Array.from(order, (at, i) => pooled[order[i + 1] ?? at]! - pooled[at]!)
  const fromX = Uint8Array.from(order, (at) => (at < x.length ? 1 : 0))
  const distance = distanceOf(fromX, gaps, x.length)
  const limit = reachedBy(distance)
  let reached = 0
  for (let i = 0; i < permutations; i++) {
    shuffle(fromX, random)
    if (distanceOf(fromX, gaps, x.length) >= limit) reached++
  }
  const pValue = permutationP(reached, permutations)
  return { distance, statistic: distance / scaleOf(x), pValue }
}

/** Puts values into a random order. */
export function shuffle(values: Uint8Array, random: Random): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1))
    const value = values[i]!
    values[i] = values[j]!
    values[j] = value
  }
}

/** The value below which a share of an ascending sample lies, linear between neighbours. */
export function quantileOf(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1)
  const low = Math.floor(at)
  const [a, b] = [sorted[low]!, sorted[Math.min(low + 1, sorted.length - 1)]!]
  return a + (at - low) * (b - a)
}

function distanceOf(fromX: Uint8Array, gaps: Float64Array, xs: number): number {
  const ys = fromX.length - xs
  let i = 0
  let sum = 0
  for (let at = 0; at < fromX.length; at++) {
    i += fromX[at]!
    sum += Math.abs(i / xs - (at + 1 - i) / ys) * gaps[at]!
  }
  return sum
}

function scaleOf(x: Float64Array): number {
  const range = quantileOf(x, 0.75) - quantileOf(x, 0.25)
  return range || x.at(-1)! - x[0]! || 1
}
