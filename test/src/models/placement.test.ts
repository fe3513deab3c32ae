import { describe, expect, it } from 'vitest'
import { memberships, placed } from '../../../src/models/placement.ts'

describe('memberships', () => {
  // 1 + 3·exp(−2/σ) = log₂ 4 at σ = 2/ln 3.
  const cases: readonly [string, number[], number[]][] = [
    ['three neighbours as far as one another', [1, 3, 3, 3], [1 / 2, 1 / 6, 1 / 6, 1 / 6]],
    ['the same at another scale', [1e-30, 3e-30, 3e-30, 3e-30], [1 / 2, 1 / 6, 1 / 6, 1 / 6]],
    ['all at one distance', [2, 2, 2], [1 / 3, 1 / 3, 1 / 3]],
    ['one neighbour', [2], [1]],
    ['two, of which the nearer has all that there is', [1, 2], [1, 0]],
    ['a row of the sample', [0, 0, 1], [1, 0, 0]],
  ]
  it.each(cases)('weighs %s', (_name, distances, expected) => {
    const weights = memberships(Float64Array.from(distances))
    for (const [i, weight] of weights.entries()) expect(weight).toBeCloseTo(expected[i] ?? NaN, 12)
  })
})

describe('placed', () => {
  it('puts each row at the weighted mean of the points of its neighbours', () => {
    const points = Float64Array.of(0, 0, 6, 0, 0, 6, 6, 6)
    const near = {
      k: 4,
      distances: Float64Array.of(1, 3, 3, 3, 0, 1, 1, 1),
      rows: Int32Array.of(0, 1, 2, 3, 3, 0, 1, 2),
    }
    const [x, y, ...second] = placed(near, points, 2)
    expect(x).toBeCloseTo(2, 12)
    expect(y).toBeCloseTo(2, 12)
    expect(second).toEqual([6, 6])
  })
})
