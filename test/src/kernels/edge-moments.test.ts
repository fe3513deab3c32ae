import { describe, expect, it } from 'vitest'
import { edgeMoments } from '../../../src/kernels/edge-moments.ts'

/** 8-bit RGB of reproducible noise, or of white dots on black, whose answers are the largest there are. */
function picture(width: number, height: number, dotted: boolean): Uint8Array {
  let state = width
  return Uint8Array.from({ length: 3 * width * height }, (_, at) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const pixel = Math.floor(at / 3)
    const isDot = (pixel % width) % 2 === 0 && Math.floor(pixel / width) % 2 === 0
    return dotted ? 255 * Number(isDot) : state >>> 24
  })
}

describe('edgeMoments', () => {
  it.each([
    [1, 1],
    [1, 5],
    [5, 1],
    [2, 2],
    [33, 3],
    [34, 4],
    [200, 50],
  ])('says of 8-bit RGB of %i × %i what it says of the same in floats', (width, height) => {
    for (const dotted of [false, true]) {
      const data = picture(width, height, dotted)
      const all = { from: 0, to: 3 }
      const rgb = edgeMoments({ data, width, height, channels: 3 }, all)
      const floats = { data: Float64Array.from(data), width, height, channels: 3 }
      expect(rgb).toEqual(edgeMoments(floats, all))
      // A limit that none reaches.
      expect(rgb).toEqual(edgeMoments({ data, width, height, channels: 3 }, all, [-1e4, 1e4]))
    }
  })
})
