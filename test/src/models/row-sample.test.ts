import { describe, expect, it } from 'vitest'
import { Random } from '../../../src/kernels/random.ts'
import { percentileOf, quantilesOf } from '../../../src/models/quantiles.ts'
import { hashRows, RowSample } from '../../../src/models/row-sample.ts'
import { slice } from '../../helpers/digits.ts'

const random = new Random(2)
const rows = {
  rows: 5000,
  columns: 2,
  values: Float64Array.from({ length: 10_000 }, () => random.uniform()),
}

function sampled(order: readonly (readonly [number, number])[]): RowSample {
  const sample = new RowSample(200, 2)
  for (const [from, to] of order) {
    const part = slice(rows, from, to)
    sample.add(hashRows(part), part.values)
  }
  return sample
}

describe('RowSample', () => {
  it('is the same whatever the order and the parts', () => {
    const whole = sampled([[0, 5000]]).rows()
    expect(whole.rows).toBe(200)
    expect(
      sampled([
        [3000, 5000],
        [0, 10],
        [10, 3000],
      ]).rows(),
    ).toEqual(whole)
    const left = sampled([[0, 1234]])
    left.merge(sampled([[1234, 5000]]))
    expect(left.rows()).toEqual(whole)
  })

  it('is all of few rows, and fair among many', () => {
    expect(sampled([[0, 150]]).rows().rows).toBe(150)
    const { values } = sampled([[0, 5000]]).rows()
    const mean = Float64Array.from(values).reduce((a, b) => a + b, 0) / values.length
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / 400))
  })
})

describe('hashRows', () => {
  it('gives each different row another key, and equal rows the same', () => {
    expect(new Set(hashRows(rows)).size).toBe(5000)
    const twice = { rows: 2, columns: 2, values: Float32Array.of(1, 2, 1, 2) }
    const [a, b] = hashRows(twice)
    expect(a).toBe(b)
  })
})

describe('quantilesOf, percentileOf', () => {
  it('take a share of values at or below', () => {
    const quantiles = quantilesOf(Float64Array.of(4, 1, 3, 2, 0))
    const cases: readonly (readonly [number, number])[] = [
      [-1, 0],
      [0, 0],
      [1, 25],
      [2.5, 62.5],
      [4, 100],
      [9, 100],
    ]
    for (const [value, expected] of cases)
      expect(percentileOf(quantiles, value)).toBeCloseTo(expected, 9)
    expect(percentileOf(quantiles, NaN)).toBeNaN()
    expect(percentileOf(new Float64Array(0), 1)).toBeNaN()
  })

  it('count all of a run of equal values', () => {
    const quantiles = quantilesOf(Float64Array.of(1, 1, 1, 1, 5))
    expect(percentileOf(quantiles, 1)).toBeCloseTo(75, 9)
    expect(percentileOf(quantilesOf(Float64Array.of(7)), 7)).toBe(100)
  })
})
