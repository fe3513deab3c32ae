import type { Matrix } from '../../src/models/model.ts'

/**
 * How far the `k` neighbours of points were neighbours of the rows, too: 1 if all were.
 *
 * @see J. Venna, S. Kaski, "Neighborhood Preservation in Nonlinear Projection Methods", 2001
 */
export function trustworthiness(rows: Matrix, points: Matrix, k: number): number {
  const n = rows.rows
  let strangers = 0
  for (let row = 0; row < n; row++) {
    const rank = new Map(byDistance(rows, row).map((other, at) => [other, at + 1]))
    for (const other of byDistance(points, row).slice(0, k))
      strangers += Math.max(0, (rank.get(other) ?? NaN) - k)
  }
  return 1 - (2 * strangers) / (n * k * (2 * n - 3 * k - 1))
}

/** The other rows, nearest first. */
function byDistance({ rows, columns, values }: Matrix, row: number): number[] {
  function squares(other: number): number {
    let sum = 0
    for (let i = 0; i < columns; i++)
      sum += ((values[row * columns + i] ?? 0) - (values[other * columns + i] ?? 0)) ** 2
    return sum
  }
  const distances = Array.from({ length: rows }, (_, other) => squares(other))
  const others = distances.map((_, other) => other).filter((other) => other !== row)
  return others.sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b)
}
