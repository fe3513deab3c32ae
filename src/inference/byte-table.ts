/** How bytes become what a model is fed: (low + (high − low) · byte / 255 − mean) / std. */
export interface ByteScale {
  /** What black and white become. */
  readonly range: readonly [number, number]
  /** For red, green and blue. */
  readonly mean: readonly number[]
  /** For red, green and blue. */
  readonly std: readonly number[]
}

/** What a model is fed for each byte: 256 values for red, then green, then blue. */
export function byteTable({ range: [low, high], mean, std }: ByteScale): Float32Array {
  return Float32Array.from({ length: 768 }, (_, at) => {
    const channel = at >> 8
    const ranged = low + ((high - low) * (at & 255)) / 255
    return (ranged - (mean[channel] ?? 0)) / (std[channel] ?? 1)
  })
}
