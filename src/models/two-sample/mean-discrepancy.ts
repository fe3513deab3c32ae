/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the rows */
import type { Matrix } from '../model.ts'
import { type Permuting, permutationP, reachedBy, type TwoSampleResult } from './two-sample.ts'
import { shuffle } from './wasserstein.ts'

/** Of the kernel, and of the permutations. */
export interface MeanDiscrepancyOptions extends Permuting {
  /** Width of the kernel; see {@link kernelWidth}. */
  readonly sigma: number
}

/**
 * The maximum mean discrepancy of two samples, squared and unbiased: the mean of k over pairs in x, plus that over pairs in y, less twice
 * that over pairs of both, k = exp(−d² / 2σ²) of the Euclidean distance d. It may be below 0.
 *
 * The p-value is by permutation. A row of the kernel is computed once and counted for all permutations at a time, so that no more than
 * one row is held: rows · permutations bytes for which row is where, and (rows² / 2) · (columns + permutations) operations.
 *
 * @param x the reference, at least two rows
 * @param y likewise
 * @see A. Gretton et al., A kernel two-sample test, JMLR 13 (2012), equation 3
 */
export function meanDiscrepancy(
  x: Matrix,
  y: Matrix,
  { sigma, permutations, random }: MeanDiscrepancyOptions,
): TwoSampleResult {
  const rows = x.rows + y.rows
  // Of each row, in which permutations it is in x; the first is what is observed.
  const splits = permutations + 1
  const inX = new Uint8Array(rows * splits)
  const order = Uint8Array.from({ length: rows }, (_, row) => (row < x.rows ? 1 : 0))
  for (let split = 0; split < splits; split++) {
    for (let row = 0; row < rows; row++) inX[row * splits + split] = order[row]!
    shuffle(order, random)
  }
  const { withinX, withinY, all } = sumsOf(x, y, { inX, splits, factor: 1 / (2 * sigma * sigma) })
  const values = withinX.map((sum, split) => {
    const between = all - sum - withinY[split]!
    const [pairsX, pairsY] = [(x.rows * (x.rows - 1)) / 2, (y.rows * (y.rows - 1)) / 2]
    return sum / pairsX + withinY[split]! / pairsY - (2 * between) / (x.rows * y.rows)
  })
  const [statistic = NaN] = values
  let reached = 0
  for (const value of values.subarray(1)) if (value >= reachedBy(statistic)) reached++
  return { statistic, pValue: permutationP(reached, permutations) }
}

/**
 * The width of the kernel for a reference: σ² is half of the median squared distance of its rows, of the two in the middle the smaller. 1 where that is 0.
 */
export function kernelWidth(reference: Matrix): number {
  const distances: number[] = []
  for (let row = 1; row < reference.rows; row++)
    for (let other = 0; other < row; other++)
      distances.push(squaredDistance(reference, row, reference, other))
  const sorted = Float64Array.from(distances).sort()
  return Math.sqrt((sorted[(sorted.length - 1) >> 1] ?? 0) / 2) || 1
}

/** The sums of the kernel over pairs in x, in y, and over all pairs, by split. */
function sumsOf(
  x: Matrix,
  y: Matrix,
  {
    inX,
    splits,
    factor,
  }: { readonly inX: Uint8Array; readonly splits: number; readonly factor: number },
): { withinX: Float64Array; withinY: Float64Array; all: number } {
  const withinX = new Float64Array(splits)
  const withinY = new Float64Array(splits)
  const sums = new Float64Array(splits)
  let all = 0
  for (let row = 1; row < x.rows + y.rows; row++) {
    sums.fill(0)
    let total = 0
    for (let other = 0; other < row; other++) {
      const value = Math.exp(-factor * distanceIn(x, y, row, other))
      total += value
      const from = other * splits
      for (let split = 0; split < splits; split++) sums[split]! += value * inX[from + split]!
    }
    all += total
    const from = row * splits
    for (let split = 0; split < splits; split++)
      if (inX[from + split] === 1) withinX[split]! += sums[split]!
      else withinY[split]! += total - sums[split]!
  }
  return { withinX, withinY, all }
}

/** Of two rows by their numbers in x, then y. */
function distanceIn(x: Matrix, y: Matrix, row: number, other: number): number {
  const a = row < x.rows ? x : y
  const b = other < x.rows ? x : y
  return squaredDistance(
    a,
    row < x.rows ? row : row - x.rows,
    b,
    other < x.rows ? other : other - x.rows,
  )
}

function squaredDistance(a: Matrix, row: number, b: Matrix, other: number): number {
  const { columns, values } = a
  const [from, to] = [row * columns, other * columns]
  let sum = 0
  for (let i = 0; i < columns; i++) {
    const difference = values[from + i]! - b.values[to + i]!
    sum += difference * difference
  }
  return sum
}
