import { describe, expect, it } from 'vitest'
import { UnionFind } from '../../../src/models/union-find.ts'

describe('UnionFind', () => {
  const cases = [
    { pairs: [], sets: [] },
    { pairs: [[1, 0]], sets: [[0, 1]] },
    {
      pairs: [
        [5, 6],
        [6, 9],
        [7, 8],
        [9, 2],
      ],
      sets: [
        [2, 5, 6, 9],
        [7, 8],
      ],
    },
    {
      pairs: [
        [0, 1],
        [2, 3],
        [4, 5],
        [1, 2],
        [6, 7],
        [5, 0],
      ],
      sets: [
        [0, 1, 2, 3, 4, 5],
        [6, 7],
      ],
    },
  ] as const
  it.each(cases)('joins $pairs', ({ pairs, sets }) => {
    const found = new UnionFind(10)
    for (const [a, b] of pairs) expect(found.unite(a, b)).toBe(true)
    for (const [a, b] of pairs) expect(found.unite(b, a)).toBe(false)
    expect(found.sets()).toEqual(sets)
    for (const set of sets) expect(set.map((n) => found.find(n))).toEqual(set.map(() => set[0]))
  })

  it('grows, and goes on from what it saved', () => {
    const first = new UnionFind()
    for (let i = 0; i < 3000; i++) expect(first.add()).toBe(i)
    for (let i = 2; i < 3000; i++) first.unite(i, i - 2)
    const second = UnionFind.restore(structuredClone(first.save()))
    expect(second.sets().map((set) => [set[0], set.length])).toEqual([
      [0, 1500],
      [1, 1500],
    ])
    expect(second.add()).toBe(3000)
    expect(second.unite(3000, 1)).toBe(true)
    expect(first.sets().map((set) => set.length)).toEqual([1500, 1500])
    expect(second.sets([5, 2999, 3000])).toEqual([[5, 2999, 3000]])
  })
})
