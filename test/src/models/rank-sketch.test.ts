import { describe, expect, it } from 'vitest'
import { RankedValues } from '../../../src/models/ranked-values.ts'
import { RankSketch } from '../../../src/models/rank-sketch.ts'

const error = 0.002

function random(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

/** Numbers in orders that are hard for a summary. */
const orders: Readonly<Record<string, (i: number, n: number) => number>> = {
  random: random(3),
  ascending: (i) => i,
  descending: (i) => -i,
  outward: (i) => (i % 2 ? i : -i),
  inward: (i) => (i % 2 ? 1 : -1) / (i + 1),
  'of few values': (i) => (i * 7919) % 13,
  'far off after all else': (i, n) => (i < 0.99 * n ? i % 101 : i * i),
}

function sketchOf(values: Float64Array): RankSketch {
  const sketch = new RankSketch(error)
  for (const value of values) sketch.add(value)
  return sketch
}

describe('RankSketch', () => {
  it.each(Object.keys(orders))('keeps every rank within its bound: %s', (order) => {
    for (const count of [1, 250, 251, 5_003, 40_000]) {
      const values = Float64Array.from({ length: count }, (_, i) => orders[order]?.(i, count) ?? 0)
      const sketch = sketchOf(values)
      const exact = RankedValues.of(values.slice())
      const ranked = sketch.ranked()
      const most = error * count
      expect(ranked.count).toBe(count)
      expect([ranked.at(0), ranked.at(count - 1)]).toEqual([exact.at(0), exact.at(count - 1)])
      for (let row = 0; row < count; row += Math.ceil(count / 1500)) {
        const value = exact.at(row)
        expect(Math.abs(ranked.below(value) - exact.below(value))).toBeLessThanOrEqual(most)
        expect(Math.abs(ranked.upTo(value) - exact.upTo(value))).toBeLessThanOrEqual(most)
        const read = ranked.at(row)
        expect(exact.below(read) - row).toBeLessThanOrEqual(most)
        expect(row - exact.upTo(read) + 1).toBeLessThanOrEqual(most)
      }
    }
  })

  it('is exact up to 1 / 2ε values, and small beyond', () => {
    const few = Float64Array.from({ length: 249 }, (_, i) => (i * 89) % 251)
    expect([...sketchOf(few).ranked().values]).toEqual([...few].sort((a, b) => a - b))
    const next = random(9)
    const many = Float64Array.from({ length: 200_000 }, next)
    expect(sketchOf(many).size).toBeLessThan(1000)
  })

  it('counts more rows than 32 bits', () => {
    const rows = 2 ** 33
    const sketch = RankSketch.fromState(error, {
      count: rows,
      values: Float64Array.of(0, 1, 2),
      gaps: Float64Array.of(1, rows / 2, rows / 2 - 1),
      spans: new Float64Array(3),
      pending: new Float64Array(0),
    })
    const ranked = sketch.ranked()
    expect(ranked.count).toBe(rows)
    // Its last possible rank lies halfway to the end of all rows.
    expect(ranked.upTo(1)).toBe((rows / 2 + 1 + rows - 1) / 2)
  })

  it('goes on from its state as if nothing had happened', () => {
    const next = random(5)
    const values = Float64Array.from({ length: 3000 }, next)
    const whole = sketchOf(values)
    for (const cut of [1, 700, 750, 2999]) {
      const state = structuredClone(sketchOf(values.subarray(0, cut)).state())
      const rest = RankSketch.fromState(error, state)
      // Reading off changes nothing.
      rest.ranked()
      for (const value of values.subarray(cut)) rest.add(value)
      expect(rest.state()).toEqual(whole.state())
    }
  })
})
