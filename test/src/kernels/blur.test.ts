import { describe, expect, it } from 'vitest'
import { blurred, gaussianKernel } from '../../../src/kernels/blur.ts'
import { bytes, grayPixels, numbers, picture, reds } from '../../helpers/pixel-numbers.ts'

describe('blurred', () => {
  it.each(numbers.blur)('gives what SciPy and OpenCV give for sigma $sigma', (expected) => {
    const { data, width, height } = blurred(picture, gaussianKernel(expected.sigma))
    expect([width, height]).toEqual([13, 9])
    expect(data).toEqual(bytes(expected.pixels))
  })

  it('gives the known values of a plus, rounded: 74.275, 75.005 and 75.714', () => {
    const plus = grayPixels(3, [0, 100, 0, 100, 100, 100, 0, 100, 0])
    expect(reds(blurred(plus, gaussianKernel(1)))).toEqual([
      [74, 75, 74],
      [75, 76, 75],
      [74, 75, 74],
    ])
  })

  it('changes nothing with sigma 0, and no picture of one colour', () => {
    expect(blurred(picture, gaussianKernel(0))).toEqual(picture)
    const one = grayPixels(4, Array<number>(12).fill(201))
    for (const sigma of [0.3, 3, 40]) expect(blurred(one, gaussianKernel(sigma))).toEqual(one)
  })

  it('keeps channels apart', () => {
    const data = Uint8Array.from({ length: 3 * 25 }, (_, i) => (i % 3 === 1 ? 90 : 0))
    const green = { data, width: 5, height: 5 }
    expect(blurred(green, gaussianKernel(2))).toEqual(green)
  })

  it('takes pictures of one pixel, one row and one column', () => {
    expect(reds(blurred(grayPixels(1, [9]), gaussianKernel(2)))).toEqual([[9]])
    const row = blurred(grayPixels(5, [0, 0, 100, 0, 0]), gaussianKernel(1))
    const column = blurred(grayPixels(1, [0, 0, 100, 0, 0]), gaussianKernel(1))
    expect(reds(row)).toEqual([reds(column).flat()])
    // Weights .399, .242, .054 and .0044; the mirror adds the last to its neighbour, and .054 to the outermost.
    expect(reds(row)[0]).toEqual([11, 25, 40, 25, 11])
  })
})
