/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the values */
import type { Random } from '../kernels/random.ts'

/** Values of a factor, one per row. */
export interface FactorValues {
  /** Numbers; of categories one for each. */
  readonly values: Float64Array
  /** Whether they are categories. */
  readonly discrete: boolean
}

/** Of the estimate. */
export interface MutualInformationOptions {
  /** Which neighbour of a row decides how wide it looks, where a factor is continuous. */
  readonly k: number
  /** Where the noise comes from that tells equal numbers apart. */
  readonly random: Random
}

const eulerGamma = 0.5772156649015329

/**
 * The mutual information of two factors, in nats: how much knowing one says of the other.
 *
 * - Two categories: Σ p(x, y) ln p(x, y) / (p(x) p(y)) of the counts.
 * - A number and a category (Ross): of each row, how many rows of all are nearer than the `k`-th nearest of its category. Categories with one row are left out.
 * - Two numbers (Kraskov): of each row, how many rows are nearer in one of the two than the `k`-th nearest is in both, by the larger of the two differences. Each is
 *   divided by its standard deviation first.
 *
 * Numbers get noise of 1e-10, since the estimates take them to differ. Where an estimate is below 0 it is 0. Cost: rows · log rows, and for two numbers about rows^1.5.
 *
 * @see B. C. Ross, Mutual information between discrete and continuous data sets, PLoS ONE 9 (2014)
 * @see A. Kraskov et al., Estimating mutual information, Phys. Rev. E 69 (2004), the first estimate
 */
export function mutualInformation(
  a: FactorValues,
  b: FactorValues,
  { k, random }: MutualInformationOptions,
): number {
  if (a.discrete && b.discrete) return ofCategories(a.values, b.values)
  if (a.discrete) return ofMixed(noisy(b.values, random), a.values, k)
  if (b.discrete) return ofMixed(noisy(a.values, random), b.values, k)
  return ofNumbers(noisy(a.values, random), noisy(b.values, random), k)
}

/** The entropy of categories, in nats. */
export function entropyOf(values: Float64Array): number {
  let sum = 0
  for (const count of countsOf(values).values())
    sum -= (count / values.length) * Math.log(count / values.length)
  return sum
}

function countsOf(values: Float64Array): Map<number, number> {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

function ofCategories(x: Float64Array, y: Float64Array): number {
  const [xs, ys] = [countsOf(x), countsOf(y)]
  const both = new Map<number, Map<number, number>>()
  for (const [i, value] of x.entries()) {
    const row = both.get(value) ?? new Map<number, number>()
    row.set(y[i]!, (row.get(y[i]!) ?? 0) + 1)
    both.set(value, row)
  }
  let sum = 0
  for (const [value, row] of both)
    for (const [other, count] of row)
      sum += count * Math.log((count * x.length) / (xs.get(value)! * ys.get(other)!))
  return x.length === 0 ? 0 : Math.max(0, sum / x.length)
}

function ofMixed(numbers: Float64Array, categories: Float64Array, most: number): number {
  const groups = new Map<number, number[]>()
  for (const [i, value] of categories.entries()) {
    const group = groups.get(value) ?? []
    group.push(numbers[i]!)
    groups.set(value, group)
  }
  const kept = [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => Float64Array.from(group).sort())
  const all = Float64Array.from(kept.flatMap((group) => [...group])).sort()
  if (all.length === 0) return 0
  const psi = digammas(all.length)
  let sum = 0
  for (const group of kept) {
    const k = Math.min(most, group.length - 1)
    for (let i = 0; i < group.length; i++) {
      const near = countNearer(all, group[i]!, kthDistance(group, i, k))
      sum += psi[k]! - psi[group.length]! - psi[near]!
    }
  }
  return Math.max(0, psi[all.length]! + sum / all.length)
}

function ofNumbers(x: Float64Array, y: Float64Array, most: number): number {
  const rows = x.length
  const k = Math.min(most, rows - 1)
  if (k < 1) return 0
  const order = Int32Array.from(x.keys()).sort((a, b) => x[a]! - x[b]!)
  const [xs, ys] = [Float64Array.from(order, (row) => x[row]!), y.slice().sort()]
  const along = Float64Array.from(order, (row) => y[row]!)
  const psi = digammas(rows)
  let sum = 0
  for (let at = 0; at < rows; at++) {
    const distance = kthInBoth(xs, along, { at, k })
    sum += psi[countNearer(xs, xs[at]!, distance)]! + psi[countNearer(ys, along[at]!, distance)]!
  }
  return Math.max(0, psi[rows]! + psi[k]! - sum / rows)
}

/** The distance of the `k`-th nearest other row, by the larger of the differences in x, which ascends, and in y. */
function kthInBoth(
  x: Float64Array,
  y: Float64Array,
  { at, k }: { readonly at: number; readonly k: number },
): number {
  const nearest = new Float64Array(k).fill(Infinity)
  let [left, right] = [at - 1, at + 1]
  for (;;) {
    const before = left >= 0 ? x[at]! - x[left]! : Infinity
    const behind = right < x.length ? x[right]! - x[at]! : Infinity
    const next = Math.min(before, behind)
    if (next >= nearest[k - 1]! || next === Infinity) return nearest[k - 1]!
    const other = before <= behind ? left-- : right++
    const distance = Math.max(next, Math.abs(y[other]! - y[at]!))
    let place = k
    while (place > 0 && distance < nearest[place - 1]!) place--
    if (place === k) continue
    nearest.copyWithin(place + 1, place, k - 1)
    nearest[place] = distance
  }
}

/** The distance of the `k`-th nearest other one of ascending numbers. */
function kthDistance(sorted: Float64Array, at: number, k: number): number {
  let [left, right] = [at, at]
  let distance = 0
  for (let i = 0; i < k; i++) {
    const before = left > 0 ? sorted[at]! - sorted[left - 1]! : Infinity
    const behind = right < sorted.length - 1 ? sorted[right + 1]! - sorted[at]! : Infinity
    distance = Math.min(before, behind)
    if (before <= behind) left--
    else right++
  }
  return distance
}

/** How many of ascending numbers are nearer to `value`, one of them, than `distance`, itself counted; equal ones always are. */
function countNearer(sorted: Float64Array, value: number, distance: number): number {
  const first = firstWhere(sorted, (other) => other >= value || value - other < distance)
  const last = firstWhere(sorted, (other) => other > value && other - value >= distance)
  return last - first
}

/** The first place of ascending numbers from which on `holds`. */
function firstWhere(sorted: Float64Array, holds: (value: number) => boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(sorted[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}

/** Numbers of standard deviation 1, with noise. */
function noisy(values: Float64Array, random: Random): Float64Array {
  let [mean, squares] = [0, 0]
  for (const value of values) mean += value / values.length
  for (const value of values) squares += (value - mean) ** 2 / values.length
  const scale = Math.sqrt(squares) || 1
  let size = 0
  for (const value of values) size += Math.abs(value / scale) / values.length
  const noise = 1e-10 * Math.max(1, size)
  return values.map((value) => value / scale + noise * random.normal())
}

/** ψ(0) to ψ(most) of whole numbers: ψ(n) = −γ + 1 + 1/2 + … + 1 / (n − 1). */
function digammas(most: number): Float64Array {
  const psi = new Float64Array(most + 1)
  psi[0] = -Infinity
  psi[1] = -eulerGamma
  for (let n = 2; n <= most; n++) psi[n] = psi[n - 1]! + 1 / (n - 1)
  return psi
}
