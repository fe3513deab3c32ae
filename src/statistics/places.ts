import type { Measures } from './measures.ts'

/** Pixels to the left of the part that is measured. */
export function left({ picture }: Measures): number {
  return picture.part.left
}

/** Pixels above it. */
export function top({ picture }: Measures): number {
  return picture.part.top
}

/** Its width in pixels. */
export function width({ picture }: Measures): number {
  return picture.part.width
}

/** Its height in pixels. */
export function height({ picture }: Measures): number {
  return picture.part.height
}

/** Channels of its picture. */
export function channels({ picture }: Measures): number {
  return picture.samples.channels
}

/** The value, or 0 for NaN. */
export function orZero(value: number): number {
  return Number.isNaN(value) ? 0 : value
}
