import type { ChannelRange } from './edge-moments.ts'
import type { Samples } from './samples.ts'

/** How many pixels there are whose channels add up to 0, and to NaN. */
export function pixelSums(
  { data, channels }: Samples,
  { from, to }: ChannelRange,
): { readonly zeros: number; readonly missing: number } {
  let [zeros, missing] = [0, 0]
  for (let pixel = 0; pixel < data.length; pixel += channels) {
    let sum = 0
    for (let at = pixel + from; at < pixel + to; at++) sum += data[at] as number
    if (sum === 0) zeros++
    else if (Number.isNaN(sum)) missing++
  }
  return { zeros, missing }
}
