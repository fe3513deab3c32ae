/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the picture */
import type { Plane } from './lanczos.ts'
import type { Pixels } from './pixels.ts'

/** How a colour becomes a gray value: `luma` by Rec. 601, or the `mean` of the three. */
export type GrayKind = 'luma' | 'mean'

/**
 * The gray values of a picture, cut off to whole numbers: (299 R + 587 G + 114 B) / 1000, or (R + G + B) / 3. Means that
 * are all below 2 are taken for values from 0 to 1, as DataEval does, and times 255.
 */
export function grayPlane({ data, width, height }: Pixels, kind: GrayKind): Plane {
  const out = new Uint8Array(width * height)
  if (kind === 'mean') meansInto(out, data)
  else
    for (let i = 0, at = 0; i < out.length; i++, at += 3)
      out[i] = thousandths(299 * data[at]! + 587 * data[at + 1]! + 114 * data[at + 2]!)
  return { data: out, width, height }
}

/** ⌊x / 1000⌋ for x up to 255,000, without a division: exact there, by trying all. */
function thousandths(x: number): number {
  return Math.imul(x >> 3, 67_109) >>> 23
}

function meansInto(out: Uint8Array, data: Uint8Array): void {
  let most = 0
  for (let i = 0, at = 0; i < out.length; i++, at += 3) {
    const sum = data[at]! + data[at + 1]! + data[at + 2]!
    if (sum > most) most = sum
    // ⌊sum / 3⌋, exact up to 765.
    out[i] = Math.imul(sum, 21_846) >>> 16
  }
  if (most >= 6) return
  for (let i = 0, at = 0; i < out.length; i++, at += 3)
    out[i] = Math.min(255, 85 * (data[at]! + data[at + 1]! + data[at + 2]!))
}
