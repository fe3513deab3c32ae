/**
 * Where the rise of the sorted neighbour distances breaks off: a threshold that follows the data.
 *
 * Of the distances d₀ ≤ … ≤ dₙ₋₁ it walks down from the median, in steps of ⌊n / 1000⌋ + 1, until they
 * rise over the next ⌊n / `sensitivity`⌋ places by more than over the middle half of all. So duplicates
 * are the steep foot of the curve. Where no step does, it is one of the lowest distances: it never says
 * that there are no duplicates. A higher sensitivity looks at shorter rises and finds fewer.
 *
 * @returns 0 for no distances
 */
export function slopeThreshold(distances: Float64Array, sensitivity: number): number {
  const n = distances.length
  function at(place: number): number {
    return distances[place] ?? 0
  }
  const stride = Math.floor(n / 1000) + 1
  const window = Math.floor(n / sensitivity)
  let probe = Math.floor(n / 2)
  const quarter = Math.floor(probe / 2)
  const middle = at(probe + quarter) - at(probe - quarter)
  while (probe > stride && at(probe + window) - at(probe) <= middle) probe -= stride
  return at(probe)
}

/**
 * The distance that `percentile` percent of the sorted distances reach or exceed: 98 is about the
 * lowest fiftieth. ⌊n · `percentile` / 100⌋ places from the end, but at most the last.
 *
 * @returns 0 for no distances
 */
export function percentileThreshold(distances: Float64Array, percentile: number): number {
  const n = distances.length
  return distances[Math.min(n - 1, n - Math.trunc(percentile * 0.01 * n))] ?? 0
}
