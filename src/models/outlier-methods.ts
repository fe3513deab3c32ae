import type { RankedValues } from './ranked-values.ts'

/** The ways to say from where on a value is an outlier. */
export const outlierMethods = ['adaptive', 'zscore', 'modified-zscore', 'iqr'] as const

/** One of {@link outlierMethods}. */
export type OutlierMethod = (typeof outlierMethods)[number]

/** How many scales from its middle a value has to be beyond, by default. */
export const usualThresholds: Readonly<Record<OutlierMethod, number>> = {
  adaptive: 3.5,
  zscore: 3,
  'modified-zscore': 3.5,
  iqr: 1.5,
}

/** Below it logarithms do not tell values apart. */
const leastOfLog = 1e-6

/** Where a value lies beside others: at its logarithm, of a metric whose ratios count, else at itself; what is not finite has no place. */
export function placeOf(value: number, byLog: boolean): number {
  return byLog && Number.isFinite(value) ? Math.log(Math.max(value, leastOfLog)) : value
}

/** The value at a place. */
export function valueAt(place: number, byLog: boolean): number {
  return byLog ? Math.exp(place) : place
}

/** Where the bounds of a metric are, by multiples of its scale or as values; null: no bound on that side. */
export interface OutlierRule {
  /** What `lower` and `upper` are. */
  readonly unit: 'scale' | 'value'
  /** Values below it are outliers. */
  readonly lower: number | null
  /** Values above it are outliers. */
  readonly upper: number | null
}

/** Places of the rows of a metric: in order, with their mean and standard deviation (of the population). */
export interface MetricRows {
  /** In order. */
  readonly ranked: RankedValues
  /** Their mean. */
  readonly mean: number
  /** Their standard deviation. */
  readonly deviation: number
}

/** Bounds of a metric, as places; a value is an outlier if it lies strictly beyond one. */
export interface OutlierLimits {
  /** Bound below; −Infinity for none. */
  readonly lower: number
  /** Bound above; Infinity for none. */
  readonly upper: number
  /** What an excess below is measured in. */
  readonly lowerScale: number
  /** What an excess above is measured in. */
  readonly upperScale: number
}

/** Where multiples of the scale are counted from, on either side. */
interface Spread {
  readonly lowerFrom: number
  readonly lowerScale: number
  readonly upperFrom: number
  readonly upperScale: number
}

/** Rows that have to have a value for a scale to be seen in them. */
const leastRows = 3

/** Median absolute deviation of a standard normal distribution. */
const normalMad = 0.6745

/** How far the 90th percentile of the deviations may lie from their median, in medians, before a tail counts as heavy. */
const usualTail = 1.91

/**
 * Where the outliers of a metric begin, by one of four methods. Undefined if nothing can be said: fewer than three
 * rows, or all of one value.
 *
 * - `zscore`: mean ± t · standard deviation.
 * - `modified-zscore`: median ± t · MAD / 0.6745, MAD the median of |x − median|, or where that is 0 their mean.
 * - `iqr`: Q1 − t · IQR and Q3 + t · IQR, quartiles by the midpoint of the two rows beside them. With an IQR of 0
 *   every value but the one that most rows have is beyond.
 * - `adaptive`: as the modified z-score, for each side by the deviations of its own half, times 1 + ln(1 + max(0,
 *   p90 / MAD / 1.91 − 1)), which widens it where the tail is heavy. A half whose MAD is 0 has the mean of all deviations in its place.
 *   If both are 0 and the values other than the most frequent one lie close to it, by these values' own MAD and tail.
 *
 * Bounds that are values need no rows; their excess is in the scale of the method, or of 1 if there is none.
 *
 * @see Iglewicz, Hoaglin, "How to Detect and Handle Outliers", 1993 (0.6745, 3.5); Rosenmai, "Using the Median
 *   Absolute Deviation to Find Outliers", 2013 (double MAD); DataEval 1.0.6, `AdaptiveThreshold` (tails, point masses)
 */
export function outlierLimits(
  method: OutlierMethod,
  { unit, lower, upper }: OutlierRule,
  rows: MetricRows,
): OutlierLimits | undefined {
  const spread = spreadOf(method, rows)
  if (unit === 'value') {
    const [below, above] = spread ? [spread.lowerScale, spread.upperScale] : [1, 1]
    return {
      lower: lower ?? -Infinity,
      upper: upper ?? Infinity,
      lowerScale: measuring(below, rows),
      upperScale: measuring(above, rows),
    }
  }
  if (!spread) return undefined
  const { lowerFrom, lowerScale, upperFrom, upperScale } = spread
  return {
    lower: lower === null ? -Infinity : lowerFrom - lower * lowerScale,
    upper: upper === null ? Infinity : upperFrom + upper * upperScale,
    lowerScale: measuring(lowerScale, rows),
    upperScale: measuring(upperScale, rows),
  }
}

/** A scale of 0 puts the bounds in place; what is beyond is measured in the mean deviation. */
function measuring(scale: number, { ranked, mean }: MetricRows): number {
  return scale > 0 ? scale : meanDeviation(ranked, mean)
}

function spreadOf(method: OutlierMethod, rows: MetricRows): Spread | undefined {
  const { ranked } = rows
  const { count } = ranked
  if (count < leastRows || ranked.at(0) === ranked.at(count - 1)) return undefined
  switch (method) {
    case 'zscore':
      return evenly(rows.mean, rows.deviation)
    case 'modified-zscore': {
      const median = ranked.middle(0.5)
      const mad = middleOf(deviationsFrom(ranked, median))
      return evenly(median, (mad > 0 ? mad : meanDeviation(ranked, median)) / normalMad)
    }
    case 'iqr':
      return byQuartiles(ranked)
    case 'adaptive':
      return byHalves(ranked)
  }
}

function evenly(from: number, scale: number): Spread {
  return { lowerFrom: from, lowerScale: scale, upperFrom: from, upperScale: scale }
}

function byQuartiles(ranked: RankedValues): Spread {
  const [q1, q3] = [ranked.middle(0.25), ranked.middle(0.75)]
  const scale = q3 - q1
  return { lowerFrom: q1, lowerScale: scale, upperFrom: q3, upperScale: scale }
}

function byHalves(ranked: RankedValues): Spread {
  const median = ranked.middle(0.5)
  const upTo = ranked.upTo(median)
  const from = ranked.below(median)
  const lower = scaleOf({ count: upTo, at: (i) => median - ranked.at(upTo - 1 - i) })
  const upper = scaleOf({ count: ranked.count - from, at: (i) => ranked.at(from + i) - median })
  if (lower === 0 && upper === 0) {
    const scale = besideMode(ranked, median)
    if (scale !== undefined) return evenly(median, scale)
  }
  const scale = meanDeviation(ranked, median) / normalMad
  return {
    lowerFrom: median,
    lowerScale: lower > 0 ? lower : scale,
    upperFrom: median,
    upperScale: upper > 0 ? upper : scale,
  }
}

/** Numbers that ascend, read off where they are. */
interface Ascending {
  readonly count: number
  readonly at: (index: number) => number
}

/** The scale of deviations: their median in normal units, widened by their tail; 0 if their median is. */
function scaleOf(deviations: Ascending): number {
  const mad = middleOf(deviations)
  if (mad === 0) return 0
  const tail = between(deviations, 0.9) / mad / usualTail
  return (mad / normalMad) * (1 + Math.log1p(Math.max(0, tail - 1)))
}

/**
 * The scale of the values that are not the most frequent one, seen from it; undefined if there are few of them,
 * or they begin so far away that each is another case.
 */
function besideMode(ranked: RankedValues, median: number): number | undefined {
  let mode = NaN
  let most = 0
  ranked.forEachValue((value, rows) => {
    if (rows <= most) return
    most = rows
    mode = value
  })
  const deviations = deviationsFrom(ranked, mode, { others: true })
  if (deviations.count <= 10) return undefined
  const nearest = deviations.at(0)
  if (nearest >= meanDeviation(ranked, median) / normalMad) return undefined
  return scaleOf(deviations)
}

/** |x − centre| of all rows, or of those with another value, in ascending order. */
function deviationsFrom(ranked: RankedValues, centre: number, { others = false } = {}): Ascending {
  const below = ranked.below(centre)
  const upTo = ranked.upTo(centre)
  const equal = others ? 0 : upTo - below
  const left = { count: below, at: (i: number) => centre - ranked.at(below - 1 - i) }
  const right = { count: ranked.count - upTo, at: (i: number) => ranked.at(upTo + i) - centre }
  return {
    count: equal + left.count + right.count,
    at: (index) => (index < equal ? 0 : ofTwo(left, right, index - equal)),
  }
}

/** The number `index` of two ascending lists taken together. */
function ofTwo(a: Ascending, b: Ascending, index: number): number {
  // How many of the first `index + 1` are of `a`.
  let low = Math.max(0, index + 1 - b.count)
  let high = Math.min(index + 1, a.count)
  while (low < high) {
    const middle = (low + high) >>> 1
    if (a.at(middle) < b.at(index - middle)) low = middle + 1
    else high = middle
  }
  const lastOfA = low > 0 ? a.at(low - 1) : -Infinity
  const lastOfB = index >= low ? b.at(index - low) : -Infinity
  return Math.max(lastOfA, lastOfB)
}

function middleOf({ count, at }: Ascending): number {
  const index = (count - 1) / 2
  return (at(Math.floor(index)) + at(Math.ceil(index))) / 2
}

/** The number at a share of the way, linear between its two neighbours. */
function between({ count, at }: Ascending, share: number): number {
  const index = share * (count - 1)
  const low = at(Math.floor(index))
  return low + (index - Math.floor(index)) * (at(Math.ceil(index)) - low)
}

function meanDeviation(ranked: RankedValues, centre: number): number {
  let sum = 0
  ranked.forEachValue((value, rows) => {
    sum += rows * Math.abs(value - centre)
  })
  return sum / ranked.count
}
