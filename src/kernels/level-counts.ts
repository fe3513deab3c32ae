/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the sizes given */
import type { Samples } from './samples.ts'

/** Samples that are whole numbers from 0. */
export interface LevelSamples extends Samples {
  /** 8-bit or 16-bit. */
  readonly data: Uint8Array | Uint16Array
}

/**
 * How often each level occurs: 256 or 65,536 counts for each channel.
 *
 * Cost: one pass over the samples, and memory for the counts.
 */
export function levelCounts(samples: LevelSamples): Uint32Array[] {
  const { data, channels } = samples
  if (data instanceof Uint8Array && channels === 3) return rgbCounts(data)
  return Array.from({ length: channels }, (_, channel) => channelCounts(samples, channel))
}

/** Neighbours are often alike, and a count that was just written is slow to read: every other pixel has counts of its own. */
function rgbCounts(data: Uint8Array): Uint32Array[] {
  const counts = new Uint32Array(6 * 256)
  const inPairs = data.length - (data.length % 6)
  for (let at = 0; at < inPairs; at += 6) {
    counts[data[at]!]!++
    counts[256 + data[at + 1]!]!++
    counts[512 + data[at + 2]!]!++
    counts[768 + data[at + 3]!]!++
    counts[1024 + data[at + 4]!]!++
    counts[1280 + data[at + 5]!]!++
  }
  for (let at = inPairs; at < data.length; at++) counts[256 * (at - inPairs) + data[at]!]!++
  for (let i = 0; i < 768; i++) counts[i]! += counts[768 + i]!
  return [0, 256, 512].map((from) => counts.subarray(from, from + 256))
}

function channelCounts({ data, channels }: LevelSamples, channel: number): Uint32Array {
  const counts = new Uint32Array(data instanceof Uint8Array ? 256 : 65_536)
  for (let at = channel; at < data.length; at += channels) counts[data[at]!]!++
  return counts
}
