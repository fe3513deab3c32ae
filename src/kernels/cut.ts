import type { Colour } from './compose.ts'
import type { Pixels } from './pixels.ts'

/** A part of a picture, in pixels. */
export interface Box {
  /** Columns to the left of it; negative where it begins outside. */
  readonly left: number
  /** Rows above it; negative where it begins outside. */
  readonly top: number
  /** Columns. */
  readonly width: number
  /** Rows. */
  readonly height: number
}

/** Whether all of `box` lies in the picture. */
export function contains({ width, height }: Omit<Pixels, 'data'>, box: Box): boolean {
  return (
    box.left >= 0 && box.top >= 0 && box.left + box.width <= width && box.top + box.height <= height
  )
}

/** The part of the picture in `box`; where that is outside, `fill`. */
export function cut(pixels: Pixels, box: Box, fill: Colour = [0, 0, 0]): Pixels {
  const { left, top, width, height } = box
  const data = new Uint8Array(3 * width * height)
  if (!contains(pixels, box)) for (let at = 0; at < data.length; at += 3) data.set(fill, at)
  const from = Math.max(0, left)
  const to = Math.min(pixels.width, left + width)
  const last = Math.min(pixels.height, top + height)
  for (let y = Math.max(0, top); from < to && y < last; y++) {
    const row = 3 * pixels.width * y
    const part = pixels.data.subarray(row + 3 * from, row + 3 * to)
    data.set(part, 3 * (width * (y - top) + from - left))
  }
  return { data, width, height }
}
