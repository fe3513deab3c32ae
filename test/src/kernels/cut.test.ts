import { describe, expect, it } from 'vitest'
import { contains, cut } from '../../../src/kernels/cut.ts'
import { grayPixels, reds } from '../../helpers/pixel-numbers.ts'

const picture = grayPixels(4, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
const nine = [9, 0, 0] as const

describe('cut', () => {
  const cases = [
    {
      box: [1, 1, 2, 2],
      rows: [
        [6, 7],
        [10, 11],
      ],
      inside: true,
    },
    {
      box: [0, 0, 4, 3],
      rows: [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10, 11, 12],
      ],
      inside: true,
    },
    {
      box: [-1, -1, 3, 2],
      rows: [
        [9, 9, 9],
        [9, 1, 2],
      ],
      inside: false,
    },
    {
      box: [3, 2, 2, 2],
      rows: [
        [12, 9],
        [9, 9],
      ],
      inside: false,
    },
    { box: [4, 0, 1, 1], rows: [[9]], inside: false },
    { box: [-3, 1, 2, 1], rows: [[9, 9]], inside: false },
    { box: [1, -2, 1, 2], rows: [[9], [9]], inside: false },
  ] as const
  it.each(cases)('takes the box $box', ({ box: [left, top, width, height], rows, inside }) => {
    const box = { left, top, width, height }
    expect(contains(picture, box)).toBe(inside)
    const out = cut(picture, box, nine)
    expect([out.width, out.height]).toEqual([width, height])
    expect(reds(out)).toEqual(rows)
  })
})
