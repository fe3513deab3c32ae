import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OptionError } from '../../../src/errors.ts'
import { CompleteLinkage } from '../../../src/models/complete-linkage.ts'

/** Groups of points on a line, of pairs that are at most `limit` apart. */
function groupsOf(points: readonly number[], limit: number, across?: Int32Array): number[][] {
  const linkage = new CompleteLinkage(points.length, across)
  for (const [i, a] of points.entries())
    for (const [j, b] of points.entries())
      if (i < j && Math.abs(a - b) <= limit) linkage.add(i, j, Math.abs(a - b))
  return linkage.components()
}

describe('CompleteLinkage', () => {
  it('cuts a chain', () => {
    expect(groupsOf([0, 3, 4, 8, 10], 5)).toEqual([
      [0, 1, 2],
      [3, 4],
    ])
    expect(groupsOf([0, 1, 2, 3, 4], 1)).toEqual([
      [0, 1],
      [2, 3],
    ])
  })

  it('joins what is all the same, and nothing without pairs', () => {
    expect(groupsOf(new Array<number>(50).fill(7), 0).map((rows) => rows.length)).toEqual([50])
    expect(groupsOf([1, 2, 3], 0.5)).toEqual([])
  })

  it('joins rows of one set only with one of another', () => {
    const sets = Int32Array.of(0, 0, 0, 1, 0)
    expect(groupsOf([0, 0.1, 5, 5.2, 5.3], 1, sets)).toEqual([[2, 3, 4]])
  })

  const points = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 40 })
  it('has only near pairs in a group, and no two groups that could be joined', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 0, max: 9 }), (at, limit) => {
        const groups = groupsOf(at, limit)
        const grouped = new Set(groups.flat())
        const alone = [...at.keys()].filter((row) => !grouped.has(row)).map((row) => [row])
        const ranges = [...groups, ...alone].map((rows) => rows.map((row) => at[row] ?? 0))
        for (const [i, a] of ranges.entries()) {
          expect(Math.max(...a) - Math.min(...a)).toBeLessThanOrEqual(limit)
          for (const b of ranges.slice(i + 1))
            expect(Math.max(...a, ...b) - Math.min(...a, ...b)).toBeGreaterThan(limit)
        }
      }),
      { seed: 1 },
    )
  })

  it('refuses more pairs than it can hold', () => {
    const linkage = new CompleteLinkage(3)
    for (let i = 0; i < 2_000_000; i++) linkage.add(0, 1 + (i % 2), 1)
    expect(() => {
      linkage.add(1, 2, 1)
    }).toThrow(
      new OptionError(
        "Expected at most 2000000 near pairs for linkage 'complete', got more: ask for nearer ones, or take another linkage",
      ),
    )
  })
})
