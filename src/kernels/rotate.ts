import type { Colour } from './compose.ts'
import type { Pixels } from './pixels.ts'

/** Width and height of a picture. */
type Size = Omit<Pixels, 'data'>

/** How a picture is turned. */
export interface Turn {
  /** Counter-clockwise. */
  readonly degrees: number
  /** Whether the result is as large as the turned picture; else as the picture was. */
  readonly expand: boolean
  /** What is seen where the picture is not. */
  readonly fill: Colour
}

/** Rounding of the sines, which must not add a pixel. */
const rounding = 1e-9

/** The size of a turned picture. */
export function turnedSize({ width, height }: Size, { degrees, expand }: Turn): Size {
  if (!expand) return { width, height }
  const [cos, sin] = [Math.abs(cosine(degrees)), Math.abs(cosine(degrees - 90))]
  return {
    width: Math.ceil(width * cos + height * sin - rounding),
    height: Math.ceil(width * sin + height * cos - rounding),
  }
}

/**
 * The picture turned about its middle, the point ((width − 1) / 2, (height − 1) / 2) between the centres of
 * its outermost pixels. Each pixel of the result is interpolated (bilinear, rounded to nearest) where it
 * comes from, the picture being surrounded by `fill`.
 */
export function turned(pixels: Pixels, turn: Turn): Pixels {
  const { width, height } = turnedSize(pixels, turn)
  const data = new Uint8Array(3 * width * height)
  const [cos, sin] = [cosine(turn.degrees), cosine(turn.degrees - 90)]
  const [middleX, middleY] = [(pixels.width - 1) / 2, (pixels.height - 1) / 2]
  for (let y = 0, at = 0; y < height; y++) {
    const down = y - (height - 1) / 2
    for (let x = 0; x < width; x++, at += 3) {
      const right = x - (width - 1) / 2
      const sourceX = middleX + cos * right - sin * down
      const sourceY = middleY + sin * right + cos * down
      interpolate(pixels, sourceX, sourceY, turn.fill, data, at)
    }
  }
  return { data, width, height }
}

/** Exact at quarter turns, where `Math.cos` is off by 1e-16. */
function cosine(degrees: number): number {
  const turn = ((degrees % 360) + 360) % 360
  return turn % 90 === 0 ? ([1, 0, -1, 0][turn / 90] as number) : Math.cos((turn * Math.PI) / 180)
}

/** Writes the colour of `pixels` at the point (x, y) to `out`. */
function interpolate(
  { data, width, height }: Pixels,
  x: number,
  y: number,
  fill: Colour,
  out: Uint8Array,
  at: number,
): void {
  const left = Math.floor(x)
  const top = Math.floor(y)
  let red = 0.5
  let green = 0.5
  let blue = 0.5
  for (let corner = 0; corner < 4; corner++) {
    const column = left + (corner & 1)
    const row = top + (corner >> 1)
    const weight = (1 - Math.abs(x - column)) * (1 - Math.abs(y - row))
    const inside = column >= 0 && column < width && row >= 0 && row < height
    const from = 3 * (row * width + column)
    red += weight * (inside ? (data[from] as number) : fill[0])
    green += weight * (inside ? (data[from + 1] as number) : fill[1])
    blue += weight * (inside ? (data[from + 2] as number) : fill[2])
  }
  out[at] = red
  out[at + 1] = green
  out[at + 2] = blue
}
