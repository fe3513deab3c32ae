import { describe, expect, it } from 'vitest'
import { MeasuredPicture, type Measures } from '../../../src/statistics/measures.ts'
import { profiles } from '../../../src/statistics/profiles.ts'
import { arrays, said, type Said, type Value } from '../../helpers/dataeval-arrays.ts'

/**
 * Of a constant picture main has ±1 and −2, which come from the rounding of its mean: of `const20` 1 and −2, with
 * `normalize_pixel_values` off 0 and 0. The profile says 0.
 */
const ofConstant = { skew: 0, kurtosis: 0 }

/** Expects `found` to be `wanted` to 1e-9. */
function expectLike(
  found: number | ArrayLike<number> | undefined,
  wanted: Value,
  name: string,
): void {
  const values = typeof found === 'number' ? [found] : Array.from(found ?? [])
  const expected = typeof wanted === 'object' && wanted !== null ? wanted : [wanted]
  expect(values, name).toHaveLength(expected.length)
  for (const [at, each] of expected.entries()) {
    const value = values[at] ?? Infinity
    const off = each === null ? Number(!Number.isNaN(value)) : Math.abs(value - each)
    const message = `${name} is ${String(value)} in place of ${String(each)}`
    expect(off, message).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(each ?? 0)))
  }
}

describe.each(['dataeval-0.65', 'dataeval-0.73', 'dataeval-1'] as const)('%s', (profile) => {
  const { statistics, view, cut } = profiles[profile]

  function measured(name: string): MeasuredPicture {
    const samples = arrays[name]
    if (!samples) throw new Error(`Expected an array ${name}`)
    return new MeasuredPicture(samples, view(samples, false))
  }

  it.each(Object.keys(arrays))('says of %s what that version says', (name) => {
    const { all, channels } = measured(name)
    const wanted = said[name]?.[profile] as Said
    const noise = name === 'const20' && profile === 'dataeval-1' ? ofConstant : {}
    for (const [statistic, value] of Object.entries<Value>({ ...wanted.picture, ...noise }))
      expectLike(statistics[statistic]?.of(all), value, statistic)
    for (const [statistic, values] of Object.entries(wanted.channels))
      for (const [at, value] of values.entries()) {
        const found = statistics[statistic]?.of(channels[at] as Measures)
        expectLike(found, statistic in noise ? 0 : value, `${statistic} of channel ${String(at)}`)
      }
  })

  // 0.65 has no boxes.
  if (!cut) return
  it('says of a box inside what it says of that part as a picture', () => {
    const picture = measured('rgb_quad')
    const part = cut(picture.samples, [3, 4, 30, 20])
    if (!part) throw new Error('Expected a part')
    const alone = new MeasuredPicture(part.samples, view(part.samples, false))
    const ofPlace = ['left', 'top', 'offset_x', 'offset_y', 'center', 'distance']
    for (const [name, { of }] of Object.entries(statistics))
      if (!ofPlace.includes(name) && !name.startsWith('distance_'))
        expect(of(picture.cut(part).all), name).toEqual(of(alone.all))
    expect(part.samples).toMatchObject({ width: 30, height: 20, channels: 3 })
    expect(part.samples.data[0]).toBe(picture.samples.data[3 * (4 * 64 + 3)])
  })
})

describe('the depth of the profiles', () => {
  it.each([
    [0, 1, 1],
    [0, 1.99, 1],
    [0, 2, 8],
    [0, 255.9, 8],
    [0, 256, 12],
    [0, 4096, 16],
    [0, 65_536, 32],
    [0, 2 ** 40, 32],
    [-1, 300, 0],
  ])('of samples from %d to %d is %i', (least, largest, depth) => {
    const samples = { data: Float64Array.of(least, largest), width: 2, height: 1, channels: 1 }
    for (const name of ['dataeval-0.65', 'dataeval-0.73', 'dataeval-1'] as const) {
      const { scale } = new MeasuredPicture(samples, profiles[name].view(samples, false))
      // Below 0 the first two add the least in place of taking it off.
      const low = name === 'dataeval-1' ? least : -least
      expect(scale).toEqual(
        depth > 0
          ? { depth, low: 0, range: 2 ** depth - 1 }
          : { depth, low, range: largest - least },
      )
    }
  })
})

describe('boxes that reach beyond the picture', () => {
  const samples = arrays['grad16'] as NonNullable<(typeof arrays)[string]>

  it('are all 0 in 0.73, missing there in 1, and cut off by default', () => {
    const box = [12, -2, 8, 6] as const
    const found = (['default', 'dataeval-0.73', 'dataeval-1'] as const).map((name) => {
      const { view, cut, statistics } = profiles[name]
      const picture = new MeasuredPicture(samples, view(samples, false))
      const part = cut?.(samples, box)
      const { all } = picture.cut(part as NonNullable<typeof part>)
      return ['width', 'height', 'zeros', 'missing', 'mean'].map((each) =>
        statistics[each]?.of(all),
      )
    })
    // Columns 12 to 15 of rows 0 to 3: x · 16 + y has the mean 217.5.
    expect(found).toEqual([
      [4, 4, 0, 0, expect.closeTo(217.5 / 255, 12)],
      [8, 6, 1, 0, 0],
      [8, 6, 0, expect.closeTo(32 / 48, 12), expect.closeTo(217.5 / 255, 12)],
    ])
  })

  it('have nothing where they are empty, outside or larger than any picture', () => {
    for (const box of [
      [3, 3, 0, 5],
      [3, 3, -2, 5],
      [20, 3, 2, 2],
    ] as const)
      expect(profiles.default.cut?.(samples, box)).toBeUndefined()
    for (const name of ['dataeval-0.73', 'dataeval-1'] as const)
      expect(profiles[name].cut?.(samples, [0, 0, 1e9, 1e9])).toBeUndefined()
  })
})
