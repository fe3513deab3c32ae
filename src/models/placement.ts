/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within rows × k */

/** The nearest sample rows of each row. */
export interface Near {
  /** How many of each. */
  readonly k: number
  /** Their distances, ascending. */
  readonly distances: Float64Array
  /** Their numbers. */
  readonly rows: Int32Array
}

/**
 * Places rows among points that are given for sample rows: each at the mean of the points of its `k`
 * nearest sample rows, weighted by UMAP's membership. A row equal to a sample row gets its point.
 *
 * The membership of the neighbour at distance d is exp(−(d − d₁)/σ), d₁ the distance of the nearest,
 * and σ such that they sum to log₂ k. So a row's place depends on the row and the sample alone.
 *
 * @see L. McInnes, J. Healy, J. Melville, "UMAP: Uniform Manifold Approximation and Projection for
 *   Dimension Reduction", 2018, algorithm 3
 */
export function placed(near: Near, points: Float64Array, dimensions: number): Float64Array {
  const { k, distances, rows } = near
  const out = new Float64Array((rows.length / k) * dimensions)
  for (let row = 0; row * k < rows.length; row++) {
    const weights = memberships(distances.subarray(row * k, (row + 1) * k))
    for (const [i, weight] of weights.entries()) {
      const from = rows[row * k + i]! * dimensions
      for (let j = 0; j < dimensions; j++) out[row * dimensions + j]! += weight * points[from + j]!
    }
  }
  return out
}

/** Shares of 1 for neighbours at ascending distances; all goes to the nearest if it is the row itself. */
export function memberships(distances: Float64Array): Float64Array {
  const nearest = distances[0]!
  if (nearest === 0) return distances.map((_, i) => (i === 0 ? 1 : 0))
  const beyond = distances.map((distance) => distance - nearest)
  const wanted = Math.log2(distances.length)
  // At σ = the largest they sum to 1 + (k − 1)/e or more, which is above log₂ k for every k.
  let [low, high] = [0, beyond.at(-1)!]
  // Halving 64 times finds σ to the last bits.
  for (let i = 0; i < 64; i++) {
    const middle = (low + high) / 2
    if (total(beyond, middle) < wanted) low = middle
    else high = middle
  }
  const all = total(beyond, high)
  return beyond.map((distance) => membership(distance, high) / all)
}

function total(beyond: Float64Array, scale: number): number {
  let sum = 0
  for (const distance of beyond) sum += membership(distance, scale)
  return sum
}

function membership(distance: number, scale: number): number {
  return distance === 0 ? 1 : Math.exp(-distance / scale)
}
