/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the samples */
import type { TwoSampleResult } from './two-sample.ts'

/** Up to so many rows in the larger sample the p-value is exact. */
const exactRows = 10_000

/**
 * The two-sided Kolmogorov–Smirnov test: D = max |F − G|, the largest difference of the two shares at or below a value.
 *
 * The p-value is exact up to 10,000 rows in the larger sample: of all ways to put the rows in order, how many leave the band
 * that D allows, counted step by step (rows² · D operations). Above, it is Kolmogorov's limit with J. Vrbik's correction for n = xy / (x + y) rows. Ties make it
 * too large, never too small.
 *
 * @param x ascending, at least one value
 * @param y likewise
 * @see J. L. Hodges, The significance probability of the Smirnov two-sample test, Arkiv för Matematik 3 (1958)
 * @see J. Vrbik, Small-sample corrections to Kolmogorov–Smirnov test statistic, Pioneer J. of Theoretical and Applied Statistics 15 (2018)
 */
export function kolmogorovSmirnov(x: Float64Array, y: Float64Array): TwoSampleResult {
  const steps = largestSteps(x, y)
  const statistic = steps / (x.length * y.length)
  const pValue =
    Math.max(x.length, y.length) <= exactRows
      ? exactP(x.length, y.length, steps)
      : limitP(statistic, (x.length * y.length) / (x.length + y.length))
  return { statistic, pValue: Math.min(1, pValue) }
}

/** max |F − G| · rows of x · rows of y, a whole number. */
function largestSteps(x: Float64Array, y: Float64Array): number {
  let i = 0
  let j = 0
  let largest = 0
  while (i < x.length && j < y.length) {
    const value = Math.min(x[i]!, y[j]!)
    while (i < x.length && x[i]! === value) i++
    while (j < y.length && y[j]! === value) j++
    largest = Math.max(largest, Math.abs(i * y.length - j * x.length))
  }
  return largest
}

/**
 * The probability that a walk from (0, 0) to (m, n), each way as likely, comes to a place (i, j) with
 * |i · n − j · m| ≥ `steps`: what leaves the band is summed, so that small probabilities keep their digits.
 */
function exactP(m: number, n: number, steps: number): number {
  if (steps === 0) return 1
  const inside = new Float64Array(n + 1)
  let left = 0
  for (let i = 0; i <= m; i++) {
    // From where the band was before, since its rows step out of it from there.
    const low = Math.max(0, Math.floor(((i - 1) * n - steps) / m))
    const high = Math.min(n, Math.ceil((i * n + steps) / m))
    for (let j = low; j <= high; j++) {
      const togo = m - i + n - j + 1
      const fromLeft = i > 0 ? (inside[j]! * (m - i + 1)) / togo : 0
      const fromBelow = j > low ? (inside[j - 1]! * (n - j + 1)) / togo : 0
      const here = i === 0 && j === 0 ? 1 : fromLeft + fromBelow
      const out = Math.abs(i * n - j * m) >= steps
      if (out) left += here
      inside[j] = out ? 0 : here
    }
  }
  return left
}

/** Kolmogorov's limit: 2 Σ (−1)^(k − 1) exp(−2 k² z²). */
function limitP(statistic: number, rows: number): number {
  const root = statistic * Math.sqrt(rows)
  const z = root + 1 / (6 * Math.sqrt(rows)) + (root - 1) / (4 * rows)
  if (z < 0.2) return 1
  let sum = 0
  for (let k = 1; k <= 100; k++) {
    const term = Math.exp(-2 * k * k * z * z)
    sum += k % 2 === 1 ? term : -term
    if (term < 1e-17 * Math.abs(sum)) break
  }
  return 2 * sum
}
