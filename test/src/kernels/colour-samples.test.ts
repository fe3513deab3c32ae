import { describe, expect, it } from 'vitest'
import { colourSamples } from '../../../src/kernels/colour-samples.ts'
import type { SampleArray } from '../../../src/kernels/samples.ts'

function colours(data: SampleArray, channels: number): number[] {
  return [...colourSamples({ data, width: data.length / channels, height: 1, channels }).data]
}

describe('colourSamples', () => {
  it('scales by the type, rounds, and cuts off what is outside', () => {
    const floats = Float32Array.of(0, 0.25, 1, -3, 7, NaN)
    expect(colours(floats, 3)).toEqual([0, 64, 255, 0, 255, 0])
    expect(colours(Float64Array.from(floats), 3)).toEqual([0, 64, 255, 0, 255, 0])
    expect(colours(Uint16Array.of(0, 128, 129, 257, 65_535, 386), 3)).toEqual([0, 0, 1, 1, 255, 2])
    expect(colours(Uint8Array.of(0, 7, 255), 3)).toEqual([0, 7, 255])
  })

  it('gives gray three channels, and leaves opacity and more channels as they are', () => {
    expect(colours(Float32Array.of(0.2, 1), 1)).toEqual([51, 51, 51, 255, 255, 255])
    expect(colours(Float32Array.of(0.2, 0.4, 1, 0), 2)).toEqual([51, 51, 51, 102, 255, 255, 255, 0])
    expect(colours(Float32Array.of(0.2, 0.4, 0.6, 0.8), 4)).toEqual([51, 102, 153, 204])
    expect(colours(Float32Array.of(0, 0.2, 0.4, 0.6, 0.8), 5)).toEqual([0, 51, 102, 153, 204])
  })
})
