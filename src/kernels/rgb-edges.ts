/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the sizes given */
/** What an edge filter answers at the pixels of a picture, added up. */
export interface EdgeSums {
  /** The answers. */
  readonly sum: number
  /** Their squares. */
  readonly squares: number
  /** Their number. */
  readonly count: number
}

/** Pixels whose squared answers fit into an integer together: each is at most (8 · 3 · 255)². */
const block = 32

/**
 * The answers of the filter of `edgeMoments` to the sums of 8-bit RGB, in integers: at half of the time. `sums` has the row above the one
 * that is read, and `pairs` that with the row above it; so one more sum gives a column of three.
 */
export function rgbEdges(data: Uint8Array, width: number, height: number): EdgeSums {
  const sums = new Int32Array(width)
  const pairs = new Int32Array(width)
  for (let x = 0, at = 0; x < width; x++, at += 3) {
    sums[x] = data[at]! + data[at + 1]! + data[at + 2]!
    pairs[x] = 2 * sums[x]!
  }
  let [sum, squares] = [0, 0]
  for (let y = 1; y <= height; y++) {
    // Below the last row it is mirrored.
    let at = 3 * width * Math.min(y, height - 1)
    let below = data[at]! + data[at + 1]! + data[at + 2]!
    let here = sums[0]!
    let middle = pairs[0]! + below
    let left = middle
    pairs[0] = here + below
    sums[0] = below
    at += 3
    for (let x = 1; x < width;) {
      const end = Math.min(width, x + block)
      let [partSum, partSquares] = [0, 0]
      for (; x < end; x++, at += 3) {
        below = (data[at]! + data[at + 1]! + data[at + 2]!) | 0
        const right = (pairs[x]! + below) | 0
        const edge = (Math.imul(9, here) - left - middle - right) | 0
        here = sums[x]!
        pairs[x] = (here + below) | 0
        sums[x] = below
        left = middle
        middle = right
        partSum = (partSum + edge) | 0
        partSquares = (partSquares + Math.imul(edge, edge)) | 0
      }
      sum += partSum
      squares += partSquares
    }
    const edge = 9 * here - left - 2 * middle
    sum += edge
    squares += edge * edge
  }
  return { sum, squares, count: width * height }
}
