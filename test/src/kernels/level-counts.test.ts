import { describe, expect, it } from 'vitest'
import { levelCounts } from '../../../src/kernels/level-counts.ts'

describe('levelCounts', () => {
  it.each([1, 2, 3, 4, 5])('counts each channel of pictures of %i channels', (channels) => {
    for (const pixels of [0, 1, 2, 7, 8])
      for (const [Values, levels] of [
        [Uint8Array, 256],
        [Uint16Array, 65_536],
      ] as const) {
        const data = new Values(pixels * channels).map((_, at) => (at * at * 37) % levels)
        const counts = levelCounts({ data, width: pixels, height: 1, channels })
        const expected = Array.from({ length: channels }, () => new Uint32Array(levels))
        for (const [at, level] of data.entries()) {
          const ofChannel = expected[at % channels] as Uint32Array
          ofChannel[level] = (ofChannel[level] ?? 0) + 1
        }
        expect(counts.map(String)).toEqual(expected.map(String))
      }
  })
})
