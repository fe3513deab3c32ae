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
 * The answers of the filter of `edgeMoments` to the sums of 8-bit RGB, in integers: at half of the time. A column keeps
 * the sum of the row above the one that is read in its low 16 bits, and of that with the row above it in the high ones;
 * so one more sum gives a column of three.
 */
export function rgbEdges(data: Uint8Array, width: number, height: number): EdgeSums {
  const columns = new Int32Array(width)
  for (let x = 0, at = 0; x < width; x++, at += 3) {
    const sum = data[at]! + data[at + 1]! + data[at + 2]!
    columns[x] = packed(sum, 2 * sum)
  }
  let [sum, squares] = [0, 0]
  for (let y = 1; y <= height; y++) {
    // Below the last row it is mirrored.
    let at = 3 * width * Math.min(y, height - 1)
    let below = data[at]! + data[at + 1]! + data[at + 2]!
    let here = columns[0]! & 0xffff
    let middle = (columns[0]! >>> 16) + below
    let left = middle
    columns[0] = packed(below, here + below)
    at += 3
    for (let x = 1; x < width;) {
      const end = Math.min(width, x + block)
      let [partSum, partSquares] = [0, 0]
      for (; x < end; x++, at += 3) {
        below = (data[at]! + data[at + 1]! + data[at + 2]!) | 0
        const column = columns[x]!
        const right = ((column >>> 16) + below) | 0
        const edge = (Math.imul(9, here) - left - middle - right) | 0
        here = column & 0xffff
        columns[x] = packed(below, here + below)
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

function packed(low: number, high: number): number {
  return (high << 16) | low
}
