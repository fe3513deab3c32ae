import { assert, array, integer, property, shuffledSubarray } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PictureBudget, pictureUrl } from '../../../src/report/picture-budget.ts'

function jpeg(bytes: number): Uint8Array {
  const picture = new Uint8Array(bytes)
  picture.set([0xff, 0xd8, 0xff])
  return picture
}

describe('PictureBudget', () => {
  it('keeps all before some place, as many as fit, in whatever order they come', () => {
    const cases = array(integer({ min: 3, max: 300 }), { minLength: 1, maxLength: 20 }).chain(
      (sizes) =>
        shuffledSubarray([...sizes.keys()], { minLength: sizes.length }).map((order) => ({
          sizes,
          order,
        })),
    )
    assert(
      property(cases, integer({ min: 0, max: 5000 }), ({ sizes, order }, limit) => {
        const budget = new PictureBudget([...sizes.keys()].map(String), limit)
        for (const i of order) budget.add(String(i), jpeg(sizes[i] ?? 0))
        let used = 0
        const fit = sizes.findIndex((size) => (used += pictureUrl(jpeg(size)).length) > limit)
        const kept = fit < 0 ? sizes.length : fit
        expect([...budget.pictures().keys()]).toEqual([...Array(kept).keys()].map(String))
        expect(budget.dropped).toBe(sizes.length - kept)
      }),
    )
  })

  for (const { name, picture, kept } of [
    { name: 'JPEG', picture: jpeg(20), kept: true },
    { name: 'PNG', picture: Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1'), kept: true },
    { name: 'WebP', picture: Buffer.from('RIFF\0\0\0\0WEBPVP8 ', 'latin1'), kept: true },
    { name: 'SVG', picture: Buffer.from('<svg xmlns="x" onload="alert(1)"/>'), kept: false },
    { name: 'nothing', picture: new Uint8Array(0), kept: false },
    { name: 'a picture above 64 KB', picture: jpeg(65_537), kept: false },
  ])
    it(`${kept ? 'keeps' : 'leaves out'} ${name}`, () => {
      const budget = new PictureBudget(['a'], 100_000)
      budget.add('a', picture)
      budget.add('stranger', picture)
      expect(budget.pictures().has('a')).toBe(kept)
      expect(budget.dropped).toBe(kept ? 0 : 1)
    })
})
