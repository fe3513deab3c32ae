import type { Pixels } from './pixels.ts'

/**
 * The luma of each pixel, rounded to nearest: Y = 0.299 R + 0.587 G + 0.114 B, in 16-bit fixed point.
 *
 * @see ITU-R Recommendation BT.601, section 2.5.1
 */
export function luma({ data }: Pixels): Uint8Array {
  const out = new Uint8Array(data.length / 3)
  for (let i = 0, at = 0; i < out.length; i++, at += 3) {
    const r = data[at] as number
    const g = data[at + 1] as number
    const b = data[at + 2] as number
    out[i] = (19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16
  }
  return out
}

/** The picture in gray: red, green and blue are the luma. */
export function gray(pixels: Pixels): Pixels {
  const { data, width, height } = pixels
  const values = luma(pixels)
  const out = new Uint8Array(data.length)
  for (let i = 0, at = 0; i < values.length; i++, at += 3)
    out[at] = out[at + 1] = out[at + 2] = values[i] as number
  return { data: out, width, height }
}
