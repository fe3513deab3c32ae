import { describe, expect, it } from 'vitest'
import { gray, luma } from '../../../src/kernels/luma.ts'
import { bytes, grayPixels, numbers, picture, reds } from '../../helpers/pixel-numbers.ts'

describe('luma', () => {
  it('gives what Pillow gives, and OpenCV within 1', () => {
    const values = luma(picture)
    expect(values).toEqual(bytes(numbers.gray.pillow))
    for (const [i, wanted] of bytes(numbers.gray.opencv).entries())
      expect(Math.abs((values[i] as number) - wanted)).toBeLessThanOrEqual(1)
  })

  it('weighs red, green and blue', () => {
    const data = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255)
    expect([...luma({ data, width: 4, height: 1 })]).toEqual([76, 150, 29, 255])
  })
})

describe('gray', () => {
  it('puts the luma into every channel, and changes no gray', () => {
    const out = gray(picture)
    for (const channel of [0, 1, 2])
      expect(out.data.filter((_, i) => i % 3 === channel)).toEqual(luma(picture))
    const grays = grayPixels(16, [...Array(256).keys()])
    expect(gray(grays)).toEqual(grays)
    expect(reds(out)).toHaveLength(9)
  })
})
