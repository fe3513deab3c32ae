import { describe, expect, it } from 'vitest'
import { Random } from '../../../src/kernels/random.ts'
import { GrowingHistogram } from '../../../src/statistics/growing-histogram.ts'

function histogramOf(values: readonly number[], bins = 32) {
  const histogram = new GrowingHistogram()
  for (const value of values) histogram.add(value)
  return histogram.histogram(bins)
}

describe('GrowingHistogram', () => {
  it.each([
    { name: 'nothing', values: [], expected: undefined },
    { name: 'one value', values: [3], expected: { from: 3, width: 1, counts: [1] } },
    {
      name: 'whole numbers',
      values: [1, 3, 3],
      expected: { from: 1, width: 1, counts: [1, 0, 2] },
    },
    {
      name: 'shares',
      values: [0, 0.25, 0.5, 0.5, 1],
      expected: { from: 0, width: 0.25, counts: [1, 1, 2, 0, 1] },
    },
    {
      name: 'values on both sides of 0',
      values: [-1.5, 1.5],
      expected: { from: -2, width: 1, counts: [1, 0, 0, 1] },
    },
    {
      name: 'no more bins than asked for',
      values: [0, 5],
      expected: { from: 0, width: 2, counts: [1, 0, 1] },
    },
    {
      name: 'values near the largest number',
      values: [-(2 ** 1023), 1, 2 ** 1022],
      expected: { from: -(2 ** 1023), width: 2 ** 1022, counts: [1, 0, 1, 1] },
    },
    {
      name: 'what is not finite',
      values: [NaN, 7, Infinity],
      expected: { from: 7, width: 1, counts: [1] },
    },
  ])('counts $name', ({ values, expected }) => {
    expect(histogramOf(values, 5)).toEqual(expected)
  })

  it('knows how many there are, the least and the greatest', () => {
    const histogram = new GrowingHistogram()
    expect([histogram.count, histogram.least, histogram.most]).toEqual([0, Infinity, -Infinity])
    for (const value of [3, NaN, -7.5, 1000, -Infinity]) histogram.add(value)
    expect([histogram.count, histogram.least, histogram.most]).toEqual([3, -7.5, 1000])
  })

  it('keeps 512 bins, whatever is asked for', () => {
    expect(histogramOf([0, 511], 1000)?.counts).toHaveLength(512)
    expect(histogramOf([0, 512], 1000)).toMatchObject({ width: 2, counts: { length: 257 } })
  })

  it('counts the same in any order, whatever the range', () => {
    const random = new Random(1)
    const values = Array.from({ length: 2_000 }, (_, i) => random.normal() * 10 ** (i % 9))
    const sorted = [...values].sort((a, b) => a - b)
    const histogram = histogramOf(values, 64)
    expect(histogramOf(sorted, 64)).toEqual(histogram)
    expect(histogramOf(sorted.reverse(), 64)).toEqual(histogram)
    const { from = 0, width = 1, counts = [] } = histogram ?? {}
    expect(counts.length).toBeLessThanOrEqual(64)
    expect(counts.length).toBeGreaterThan(32)
    expect(counts).toEqual(
      counts.map(
        (_, i) => values.filter((v) => v >= from + i * width && v < from + (i + 1) * width).length,
      ),
    )
  })
})
