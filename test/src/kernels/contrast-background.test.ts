import { describe, expect, it } from 'vitest'
import { contrastBackground } from '../../../src/kernels/contrast-background.ts'

const cases = [
  { name: 'dark lines are put on white', rgba: [0, 0, 0, 255, 255, 255, 255, 0], expected: 255 },
  { name: 'a white drawing is put on black', rgba: [250, 250, 250, 255, 0, 0, 0, 0], expected: 0 },
  { name: 'mid gray stays on white', rgba: [128, 128, 128, 200], expected: 255 },
  { name: 'a mean just below the limit is put on white', rgba: [223, 223, 223, 9], expected: 255 },
  { name: 'a mean just above the limit is put on black', rgba: [224, 224, 224, 9], expected: 0 },
  { name: 'alpha weighs', rgba: [255, 255, 255, 250, 0, 0, 0, 5], expected: 0 },
  { name: 'a picture without a visible pixel is put on white', rgba: [9, 9, 9, 0], expected: 255 },
  { name: 'no pixel at all', rgba: [], expected: 255 },
]

describe('contrastBackground', () => {
  it.each(cases)('$name', ({ rgba, expected }) => {
    expect(contrastBackground(Uint8Array.from(rgba))).toBe(expected)
  })
})
