/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the picture */
import type { Pixels } from './pixels.ts'

/** The values of a picture, one channel behind the other. */
export function planar({ data }: Pixels): Uint8Array {
  const out = new Uint8Array(data.length)
  const size = data.length / 3
  for (let i = 0, at = 0; i < size; i++, at += 3) {
    out[i] = data[at]!
    out[size + i] = data[at + 1]!
    out[2 * size + i] = data[at + 2]!
  }
  return out
}
