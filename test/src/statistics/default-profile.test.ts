import { describe, expect, it } from 'vitest'
import type { Samples } from '../../../src/kernels/samples.ts'
import { defaultProfile } from '../../../src/statistics/default-profile.ts'
import { MeasuredPicture, type Measures } from '../../../src/statistics/measures.ts'
import { expectNumbers, numbers } from '../../helpers/image-stats-numbers.ts'

function pictureOf(samples: Samples): MeasuredPicture {
  return new MeasuredPicture(samples, defaultProfile.view(samples, false))
}

function statisticsOf(measures: Measures): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(defaultProfile.statistics).map(([name, { of }]) => [name, of(measures)]),
  )
}

/** A picture of one channel. */
function grayOf(data: Samples['data'], width: number): Samples {
  return { data, width, height: data.length / width, channels: 1 }
}

describe('defaultProfile', () => {
  it.each(Object.entries(numbers.arrays))(
    'says of the array `%s` what NumPy and SciPy say, of each channel too',
    (_name, { shape, values, picture, channels }) => {
      const [height = 0, width = 0, depth = 0] = shape
      const data = Float64Array.from(values, (value) => value ?? NaN)
      const measured = pictureOf({ data, width, height, channels: depth })
      expectNumbers(statisticsOf(measured.all), picture)
      expect(measured.channels).toHaveLength(channels.length)
      for (const [at, each] of measured.channels.entries())
        expectNumbers(statisticsOf(each), channels[at] ?? {})
    },
  )

  it('takes the scale from the type, whatever the largest sample is', () => {
    for (const data of [Uint8Array.of(0, 1), Uint16Array.of(0, 257), Float32Array.of(0, 1 / 255)]) {
      const { mean, contrast } = statisticsOf(pictureOf(grayOf(data, 2)).all)
      expect(mean).toBeCloseTo(0.5 / 255, 9)
      expect(contrast).toBeCloseTo(0.98 / 255, 9)
    }
  })

  it('says the same contrast of the same levels apart, to the last bit', () => {
    const found = Array.from({ length: 70 }, (_, low) => {
      const data = Uint8Array.from({ length: 100 }, (_, i) => low + (i % 2) * 185)
      return statisticsOf(pictureOf(grayOf(data, 10)).all)['contrast']
    })
    expect(new Set(found)).toEqual(new Set([185 / 255]))
  })

  it('stays within 0..1, with all samples 0, all at full scale, and black beside white', () => {
    const names = ['mean', 'std', 'brightness', 'darkness', 'contrast', 'sharpness', 'zeros']
    const checker = Uint8Array.from({ length: 400 }, (_, i) => 255 * ((i + Math.floor(i / 20)) % 2))
    for (const data of [checker, new Uint8Array(400), new Uint8Array(400).fill(255)])
      for (const name of names) {
        const value = statisticsOf(pictureOf(grayOf(data, 20)).all)[name]
        expect(value).toBeGreaterThanOrEqual(0)
        expect(value).toBeLessThanOrEqual(1)
      }
  })

  it('has nothing to say of missing values alone, but how many there are', () => {
    const found = statisticsOf(pictureOf(grayOf(new Float32Array(6).fill(NaN), 3)).all)
    expect(found).toMatchObject({ missing: 1, zeros: 0, size: 6, depth: 32 })
    for (const name of ['mean', 'skew', 'entropy', 'brightness', 'contrast', 'sharpness'])
      expect(found[name]).toBeNaN()
  })
})
