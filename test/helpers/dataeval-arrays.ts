import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Samples } from '../../src/kernels/samples.ts'
import { fixtures } from './image-stats-numbers.ts'

/** A statistic; null where DataEval has NaN. */
export type Value = number | null | readonly (number | null)[]

/** What a version says of a picture, and of each of its channels. */
export interface Said {
  readonly picture: Readonly<Record<string, Value>>
  readonly channels: Readonly<Record<string, readonly Value[]>>
}

/** By array and profile: what DataEval says; see the README beside the file for versions. */
export const said = JSON.parse(readFileSync(join(fixtures, 'dataeval.json'), 'utf8')) as Readonly<
  Record<string, Readonly<Record<string, Said>>>
>

interface Made {
  readonly size: readonly [channels: number, height: number, width: number]
  readonly of: (c: number, y: number, x: number) => number
  readonly type?: new (length: number) => Samples['data']
}

const formulas: Readonly<Record<string, Made>> = {
  grad16: { size: [1, 16, 16], of: (_c, y, x) => (x * 16 + y) & 255 },
  rgb_mod: { size: [3, 32, 48], of: (c, y, x) => (x * 5 + y * 3 + c * 40) % 256 },
  rgb_quad: { size: [3, 64, 64], of: (c, y, x) => ((x * x + y * y) * (c + 1)) % 256 },
  const20: { size: [1, 28, 28], of: () => 20 },
  u16: { size: [1, 40, 40], of: (_c, y, x) => (x * y * 37) % 65_536, type: Uint16Array },
  float01: { size: [3, 20, 24], of: (c, y, x) => (x + y * (c + 1)) / 80, type: Float64Array },
  checker: { size: [1, 20, 20], of: (_c, y, x) => ((x >> 1) + (y >> 1)) % 2 },
  tiny8: { size: [3, 8, 8], of: (c, y, x) => (x * 30 + y * 2 + c) % 256 },
  dark: { size: [3, 30, 30], of: (c, y, x) => (x + y + c) % 2 },
  nan40: {
    size: [1, 20, 20],
    of: (_c, y, x) => (y < 2 ? NaN : (y * 20 + x) / 400),
    type: Float64Array,
  },
}

/** The arrays that {@link said} is of. */
export const arrays: Readonly<Record<string, Samples>> = Object.fromEntries(
  Object.entries(formulas).map(([name, made]) => [name, samplesOf(made)]),
)

function samplesOf({ size, of, type = Uint8Array }: Made): Samples {
  const [channels, height, width] = size
  const data = new type(width * height * channels)
  for (let at = 0; at < data.length; at++) {
    const pixel = Math.floor(at / channels)
    data[at] = of(at % channels, Math.floor(pixel / width), pixel % width)
  }
  return { data, width, height, channels }
}
