import { luma } from './luma.ts'
import { mapped, type Pixels } from './pixels.ts'

/** How a value between two whole numbers becomes one. */
export type Rounding = 'nearest' | 'floor'

/** The table of 255 · (v / 255)^gamma. */
export function gammaTable(gamma: number, rounding: Rounding): Uint8Array {
  const half = rounding === 'nearest' ? 0.5 : 0
  return Uint8Array.from({ length: 256 }, (_, v) => 255 * (v / 255) ** gamma + half)
}

/**
 * The picture with each value moved away from (`factor` above 1) or towards the picture's mean luma:
 * mean + factor · (v − mean), the mean in whole numbers, the result rounded to nearest and kept in 0..255.
 */
export function contrasted(pixels: Pixels, factor: number): Pixels {
  const mean = meanLuma(pixels)
  const table = Uint8ClampedArray.from(
    { length: 256 },
    (_, v) => Math.floor(mean + factor * (v - mean) + 0.5), // it would round halves to even
  )
  return mapped(pixels, new Uint8Array(table.buffer))
}

function meanLuma(pixels: Pixels): number {
  const values = luma(pixels)
  let sum = 0
  for (const value of values) sum += value
  return Math.round(sum / values.length)
}
