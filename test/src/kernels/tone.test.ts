import { describe, expect, it } from 'vitest'
import { mapped } from '../../../src/kernels/pixels.ts'
import { contrasted, gammaTable } from '../../../src/kernels/tone.ts'
import { bytes, grayPixels, numbers, picture, reds } from '../../helpers/pixel-numbers.ts'

describe('gammaTable', () => {
  it.each(numbers.gamma)('gives what NumPy gives for $gamma', ({ gamma, nearest, floor }) => {
    expect(gammaTable(gamma, 'nearest')).toEqual(bytes(nearest))
    expect(gammaTable(gamma, 'floor')).toEqual(bytes(floor))
  })

  it('rounds: the root of 100 is 159.69, which cut off is 159', () => {
    expect(gammaTable(0.5, 'nearest')[100]).toBe(160)
    expect(gammaTable(0.5, 'floor')[100]).toBe(159)
    const error = (rounding: 'nearest' | 'floor') =>
      [...gammaTable(0.5, rounding)].reduce(
        (sum, value, v) => sum + value - 255 * Math.sqrt(v / 255),
        0,
      ) / 256
    expect(Math.abs(error('nearest'))).toBeLessThan(0.05)
    expect(error('floor')).toBeLessThan(-0.4)
  })

  it('is put on pictures value by value', () => {
    const out = mapped(grayPixels(3, [0, 100, 255]), gammaTable(0.5, 'nearest'))
    expect(reds(out)).toEqual([[0, 160, 255]])
  })
})

describe('contrasted', () => {
  it.each(numbers.contrast)(
    'gives what Pillow gives for $factor, which cuts fractions off',
    ({ factor, pixels }) => {
      const { data, width, height } = contrasted(picture, factor)
      expect([width, height]).toEqual([13, 9])
      for (const [at, wanted] of bytes(pixels).entries())
        expect([0, 1]).toContain((data[at] as number) - wanted)
    },
  )

  it('keeps the mean, rounds, and ends at black and white', () => {
    const out = contrasted(grayPixels(2, [100, 101, 103, 96]), 1.5)
    // Mean 100: 100, 101.5, 104.5, 94.
    expect(reds(out)).toEqual([
      [100, 102],
      [105, 94],
    ])
    expect(reds(contrasted(grayPixels(2, [0, 100, 150, 250]), 10))).toEqual([
      [0, 0],
      [255, 255],
    ])
  })

  it('depends on the picture, not on the middle of the scale', () => {
    const dark = grayPixels(2, [10, 30])
    expect(reds(contrasted(dark, 0))).toEqual([[20, 20]])
    expect(contrasted(picture, 1)).toEqual(picture)
  })
})
