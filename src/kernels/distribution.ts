/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the sizes given */
/** The values of many samples. */
export interface Distribution {
  /** Ascending, none NaN. */
  readonly values: Float64Array
  /** How often each of `values` occurs; without it once. */
  readonly counts?: Uint32Array | undefined
  /** Samples that have a value. */
  readonly count: number
  /** Samples that have none. */
  readonly missing: number
}

/** Population moments; without samples all NaN. */
export interface Moments {
  /** Mean. */
  readonly mean: number
  /** Mean square of the distance from it. */
  readonly variance: number
  /** m₃ / m₂^1.5; NaN if all samples are equal. */
  readonly skew: number
  /** m₄ / m₂² − 3; NaN if all samples are equal. */
  readonly kurtosis: number
}

/** The distribution of whole numbers, from how often each occurs in each part. */
export function ofCounts(parts: readonly Uint32Array[]): Distribution {
  const levels = parts[0]?.length ?? 0
  const values = new Float64Array(levels)
  const counts = new Uint32Array(levels)
  let distinct = 0
  let count = 0
  for (let level = 0; level < levels; level++) {
    let times = 0
    for (const part of parts) times += part[level]!
    if (times === 0) continue
    values[distinct] = level
    counts[distinct++] = times
    count += times
  }
  return {
    values: values.subarray(0, distinct),
    counts: counts.subarray(0, distinct),
    count,
    missing: 0,
  }
}

/** The distribution of the samples of the channels `from` up to `to`, of `channels` in a pixel; NaN is missing. Sorts a copy. */
export function ofSamples(
  data: Float32Array | Float64Array,
  channels: number,
  { from, to }: { readonly from: number; readonly to: number },
): Distribution {
  const values = new Float64Array((data.length / channels) * (to - from))
  let count = 0
  for (let pixel = 0; pixel < data.length; pixel += channels)
    for (let at = pixel + from; at < pixel + to; at++)
      if (!Number.isNaN(data[at])) values[count++] = data[at]!
  return { values: values.subarray(0, count).sort(), count, missing: values.length - count }
}

/** The distribution of (v − low) / range in place of each v. */
export function scaled(of: Distribution, low: number, range: number): Distribution {
  if (low === 0 && range === 1) return of
  return { ...of, values: of.values.map((value) => (value - low) / range) }
}

/** The moments of all samples, in two passes over the values. */
export function momentsOf({ values, counts, count }: Distribution): Moments {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * (counts ? counts[i]! : 1)
  // The mean of equal values is not always that value.
  const constant = values.length > 0 && values[0] === values[values.length - 1]
  const mean = constant ? values[0]! : sum / count
  let [second, third, fourth] = [0, 0, 0]
  for (let i = 0; i < values.length; i++) {
    const distance = values[i]! - mean
    const square = distance * distance * (counts ? counts[i]! : 1)
    second += square
    third += square * distance
    fourth += square * distance * distance
  }
  const variance = second / count
  return {
    mean,
    variance,
    skew: third / count / variance ** 1.5,
    kurtosis: fourth / count / variance ** 2 - 3,
  }
}

/**
 * The values below which the `shares` of the samples lie: rank q (n − 1), between two samples in proportion.
 *
 * @see Hyndman and Fan, Sample quantiles in statistical packages, 1996, definition 7
 */
export function quantilesOf(of: Distribution, shares: readonly number[]): Float64Array {
  return Float64Array.from(shares, (share) => {
    if (of.count === 0) return NaN
    const rank = share * (of.count - 1)
    const below = Math.floor(rank)
    const low = sampleAt(of, below)
    return rank === below ? low : low + (rank - below) * (sampleAt(of, below + 1) - low)
  })
}

/** The sample at `rank`, from 0. */
function sampleAt({ values, counts }: Distribution, rank: number): number {
  if (!counts) return values[rank]!
  let passed = 0
  let i = 0
  while ((passed += counts[i]!) <= rank) i++
  return values[i]!
}

/** How many samples lie in each of 256 equal bins of 0 to 1, the last closed. Those outside are in none. */
export function histogramOf({ values, counts }: Distribution): Int32Array {
  const bins = new Int32Array(256)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value >= 0 && value <= 1)
      bins[Math.min(255, Math.floor(256 * value))]! += counts ? counts[i]! : 1
  }
  return bins
}

/** −Σ p ln p of the shares of the bins, in nats; NaN if all are empty. */
export function entropyOf(bins: Int32Array): number {
  let total = 0
  for (let i = 0; i < bins.length; i++) total += bins[i]!
  if (total === 0) return NaN
  let sum = 0
  for (let i = 0; i < bins.length; i++) {
    const share = bins[i]! / total
    if (share > 0) sum -= share * Math.log(share)
  }
  return sum
}

/** How many samples are 0. */
export function zerosIn({ values, counts }: Distribution): number {
  let zeros = 0
  for (let i = 0; i < values.length && values[i]! <= 0; i++)
    if (values[i] === 0) zeros += counts ? counts[i]! : 1
  return zeros
}
