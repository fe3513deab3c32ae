import { fullScale, type Samples } from './samples.ts'

/**
 * A picture as RGB of 8 bits, or RGBA: samples of gray three times, scaled from their type's range, what is outside of
 * it cut off, rounded to nearest; NaN is 0. Other numbers of channels stay as they are.
 */
export function colourSamples({ data, width, height, channels }: Samples): {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: number
} {
  const isGray = channels < 3
  const into = isGray ? channels + 2 : channels
  const scale = 255 / fullScale(data)
  // It cuts off and rounds (halves to even).
  const out = new Uint8ClampedArray(width * height * into)
  for (let from = 0, to = 0; to < out.length; from += channels, to += into) {
    let at = to
    if (isGray) while (at < to + 2) out[at++] = (data[from] as number) * scale
    for (let c = 0; c < channels; c++) out[at++] = (data[from + c] as number) * scale
  }
  return { data: new Uint8Array(out.buffer), width, height, channels: into }
}
