import type { Box } from './cut.ts'
import { type Samples, samplesLike } from './samples.ts'

/** The samples in `box`, which lies in the picture. */
export function cutSamples({ data, width, channels }: Samples, box: Box): Samples {
  const line = box.width * channels
  const out = samplesLike(data, line * box.height)
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * width + box.left) * channels
    out.set(data.subarray(from, from + line), y * line)
  }
  return { data: out, width: box.width, height: box.height, channels }
}

/** The samples in `box`, as floats; where that is outside the picture, NaN. */
export function cutPadded(samples: Samples, box: Box): Samples {
  const { channels } = samples
  const out = constantSamples(box, channels, NaN)
  const left = Math.max(0, box.left)
  const top = Math.max(0, box.top)
  const width = Math.min(samples.width, box.left + box.width) - left
  const height = Math.min(samples.height, box.top + box.height) - top
  if (width <= 0 || height <= 0) return out
  const inside = cutSamples(samples, { left, top, width, height })
  const line = width * channels
  for (let y = 0; y < height; y++) {
    const at = ((top - box.top + y) * box.width + left - box.left) * channels
    out.data.set(inside.data.subarray(y * line, (y + 1) * line), at)
  }
  return out
}

/** As many samples as `box` has, all the same. */
export function constantSamples(box: Box, channels: number, value: number): Samples {
  const { width, height } = box
  const data = new Float64Array(width * height * channels).fill(value)
  return { data, width, height, channels }
}
