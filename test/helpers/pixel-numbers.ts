import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pixels } from '../../src/kernels/pixels.ts'

const path = join(import.meta.dirname, '..', 'fixtures', 'pixels', 'pixels.json')

/** What NumPy, SciPy, OpenCV and Pillow say; pictures and tables are base64. */
export const numbers = JSON.parse(readFileSync(path, 'utf8')) as {
  readonly width: number
  readonly height: number
  readonly picture: string
  readonly blur: readonly { sigma: number; pixels: string }[]
  readonly rotate: readonly {
    degrees: number
    fill: string
    expand: boolean
    width: number
    height: number
    pixels: string
  }[]
  readonly quarter: string
  readonly pillowRotate: readonly { degrees: number; pixels: string; inside: string }[]
  readonly gamma: readonly { gamma: number; nearest: string; floor: string }[]
  readonly contrast: readonly { factor: number; pixels: string }[]
  readonly gray: { pillow: string; opencv: string }
  readonly moments: {
    readonly pictures: string
    readonly channel: { mean: readonly number[]; std: readonly number[] }
    readonly element: { mean: readonly number[]; std: readonly number[] }
    readonly far: readonly number[]
    readonly farMean: readonly number[]
    readonly farStd: readonly number[]
  }
}

/** The bytes in a fixture's text. */
export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/** The picture that the numbers are of. */
export const picture: Pixels = {
  data: bytes(numbers.picture),
  width: numbers.width,
  height: numbers.height,
}

/** A picture whose channels are all `values`. */
export function grayPixels(width: number, values: readonly number[]): Pixels {
  const data = Uint8Array.from(values.flatMap((v) => [v, v, v]))
  return { data, width, height: values.length / width }
}

/** The red channel, row by row. */
export function reds({ data, width }: Pixels): number[][] {
  const rows: number[][] = []
  for (let at = 0; at < data.length; at += 3 * width)
    rows.push([...data.subarray(at, at + 3 * width)].filter((_, i) => i % 3 === 0))
  return rows
}
