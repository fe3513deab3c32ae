import { describe, expect, it } from 'vitest'
import { turned, turnedSize } from '../../../src/kernels/rotate.ts'
import { colour } from '../../../src/options.ts'
import { bytes, grayPixels, numbers, picture, reds } from '../../helpers/pixel-numbers.ts'

const black = [0, 0, 0] as const
const still = { expand: false, fill: black }

describe('turned', () => {
  it.each(numbers.rotate)(
    'gives what SciPy gives for $degrees degrees over $fill, expand: $expand',
    ({ degrees, fill, expand, width, height, pixels }) => {
      const out = turned(picture, { degrees, expand, fill: colour('fill', fill) })
      expect([out.width, out.height]).toEqual([width, height])
      expect(out.data).toEqual(bytes(pixels))
    },
  )

  it.each(numbers.pillowRotate)(
    'gives what Pillow gives for $degrees degrees, away from the edge',
    ({ degrees, pixels, inside }) => {
      const wanted = bytes(pixels)
      const { data } = turned(picture, { ...still, degrees })
      let compared = 0
      for (const [pixel, is] of bytes(inside).entries())
        for (let at = 3 * pixel; is && at < 3 * pixel + 3; at++, compared++)
          expect(Math.abs((data[at] as number) - (wanted[at] as number))).toBeLessThanOrEqual(1)
      expect(compared).toBeGreaterThan(100)
    },
  )

  it('turns counter-clockwise, and changes no pixel in quarter turns', () => {
    const quarter = turned(picture, { degrees: 90, expand: true, fill: black })
    expect(quarter).toEqual({ data: bytes(numbers.quarter), width: 9, height: 13 })
    let square = grayPixels(2, [1, 2, 3, 4])
    for (const rows of [
      [
        [2, 4],
        [1, 3],
      ],
      [
        [4, 3],
        [2, 1],
      ],
      [
        [3, 1],
        [4, 2],
      ],
      [
        [1, 2],
        [3, 4],
      ],
    ]) {
      square = turned(square, { ...still, degrees: 90 })
      expect(reds(square)).toEqual(rows)
    }
    expect(
      turned(turned(picture, { ...still, degrees: 180 }), { ...still, degrees: -180 }),
    ).toEqual(picture)
  })

  it('turns about the middle: a plus stays one whatever side it is seen from', () => {
    const plus = grayPixels(3, [0, 100, 0, 100, 100, 100, 0, 100, 0])
    const [[corner, side], [, middle]] = reds(turned(plus, { ...still, degrees: 30 })) as [
      [number, number],
      [number, number],
    ]
    expect(middle).toBe(100)
    expect(reds(turned(plus, { ...still, degrees: 30 }))).toEqual([
      [corner, side, corner],
      [side, middle, side],
      [corner, side, corner],
    ])
  })

  it('is the same for an angle and for that less a whole turn', () => {
    for (const degrees of [45, 90, 180, 275, 360])
      expect(turned(picture, { ...still, degrees: degrees - 360 })).toEqual(
        turned(picture, { ...still, degrees }),
      )
    expect(turned(picture, { ...still, degrees: 360 })).toEqual(picture)
  })

  it('expands to what the turned picture needs', () => {
    const size = { width: 40, height: 20 }
    const of = (degrees: number) => turnedSize(size, { degrees, expand: true, fill: black })
    expect([0, 90, 180, -270].map(of)).toEqual([
      size,
      { width: 20, height: 40 },
      size,
      { width: 20, height: 40 },
    ])
    // 40 cos 30° + 20 sin 30° = 44.6, 40 sin 30° + 20 cos 30° = 37.3
    expect(of(30)).toEqual({ width: 45, height: 38 })
  })
})
