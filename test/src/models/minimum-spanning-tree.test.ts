import { describe, expect, it } from 'vitest'
import { distance } from '../../../src/kernels/distance.ts'
import {
  coreDistances,
  type NearestRows,
  SpanningTree,
} from '../../../src/models/minimum-spanning-tree.ts'
import type { Matrix } from '../../../src/models/model.ts'
import { UnionFind } from '../../../src/models/union-find.ts'

type Rows = Matrix & { readonly values: Float32Array }

function apart(rows: Rows, a: number, b: number): number {
  const { columns, values } = rows
  const at = { values, from: a * columns }
  return distance('euclidean', at, { values, from: b * columns }, columns)
}

/** The k nearest others, by sorting all; of equals the lower row. */
function nearestOf(rows: Rows, k: number): NearestRows {
  const distances = new Float64Array(rows.rows * k).fill(Infinity)
  const found = new Int32Array(rows.rows * k).fill(-1)
  for (let row = 0; row < rows.rows; row++) {
    const others = Array.from({ length: rows.rows }, (_, other) => other)
      .filter((other) => other !== row)
      .map((other) => ({ other, apart: apart(rows, row, other) }))
      .sort((a, b) => a.apart - b.apart || a.other - b.other)
    for (const [i, { other, apart }] of others.slice(0, k).entries()) {
      distances[row * k + i] = apart
      found[row * k + i] = other
    }
  }
  return { k, distances, rows: found }
}

/** Makes the tree, with a plain search for the rows that it asks for; returns the edges and how often it asked. */
function tree(rows: Rows, nearest: NearestRows, cores: Float64Array) {
  const made = new SpanningTree(nearest, cores)
  let asked = 0
  while (!made.done) {
    const uncertain = made.uncertain()
    if (uncertain) {
      for (const [row, asks] of uncertain.entries()) {
        if (asks === 0) continue
        asked++
        for (let other = 0; other < rows.rows; other++) {
          if (made.components[other] === made.components[row]) continue
          const reached = reach(rows, cores, row, other)
          if (reached >= (made.foreign.distances[row] ?? 0)) continue
          made.foreign.distances[row] = reached
          made.foreign.rows[row] = other
        }
      }
      made.searched(uncertain)
    }
    made.join()
  }
  return { ...made.edges(), asked }
}

function reach(rows: Rows, cores: Float64Array, a: number, b: number): number {
  return Math.max(apart(rows, a, b), cores[a] ?? 0, cores[b] ?? 0)
}

/** The weights of a minimum spanning tree by Prim's algorithm, ascending. */
function prim(rows: Rows, cores: Float64Array): number[] {
  const least = new Float64Array(rows.rows).fill(Infinity)
  const inside = new Uint8Array(rows.rows)
  const weights: number[] = []
  for (let row = 0, next = 0; row < rows.rows; row++) {
    const last = next
    inside[last] = 1
    if (row > 0) weights.push(least[last] ?? 0)
    next = -1
    for (let other = 0; other < rows.rows; other++) {
      if (inside[other] === 1) continue
      least[other] = Math.min(least[other] ?? 0, reach(rows, cores, last, other))
      if (next < 0 || (least[other] ?? 0) < (least[next] ?? 0)) next = other
    }
  }
  return weights.sort((a, b) => a - b)
}

function rowsOf(points: readonly (readonly number[])[]): Rows {
  const columns = points[0]?.length ?? 1
  return { rows: points.length, columns, values: Float32Array.from(points.flat()) }
}

/** Numbers about 0, of a seed. */
function noise(seed: number): () => number {
  let state = seed
  function uniform(): number {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** Blobs far apart, with a row or two on the way between them: no edge between is among the nearest. */
function bridged(seed: number): Rows {
  const next = noise(seed)
  const blob = (x: number, size: number): number[][] =>
    Array.from({ length: size }, () => [x + next(), next(), next()])
  return rowsOf([
    ...blob(0, 60),
    ...blob(20, 40),
    ...blob(45, 50),
    [9, 1, 0],
    [12, 0, 1],
    [30, 9, 9],
  ])
}

function scattered(seed: number): Rows {
  const next = noise(seed)
  return rowsOf(Array.from({ length: 120 }, () => [next(), next() * 2, next() ** 3, next()]))
}

const steps = [0, 1, 2, 3, 4, 5, 6, 7]
const cases: { name: string; rows: Rows; minSamples: number }[] = [
  ...[1, 2, 3, 4, 5, 6].map((seed) => ({
    name: `bridged blobs, seed ${String(seed)}`,
    rows: bridged(seed),
    minSamples: seed,
  })),
  ...[7, 8, 9].map((seed) => ({
    name: `scattered rows, seed ${String(seed)}`,
    rows: scattered(seed),
    minSamples: seed - 6,
  })),
  {
    name: 'a grid, whose distances are equal',
    rows: rowsOf(steps.flatMap((x) => steps.map((y) => [x, y]))),
    minSamples: 3,
  },
  {
    name: 'two grids',
    rows: rowsOf([0, 90].flatMap((z) => steps.flatMap((x) => steps.map((y) => [x, y, z])))),
    minSamples: 1,
  },
  {
    name: 'more copies than nearest rows',
    rows: rowsOf(Array.from({ length: 90 }, (_, i) => [i % 3, i % 2 === 0 ? 0 : 7])),
    minSamples: 2,
  },
  { name: 'equal rows', rows: rowsOf(Array.from({ length: 20 }, () => [1, 2])), minSamples: 3 },
  { name: 'three rows', rows: rowsOf([[0], [5], [1]]), minSamples: 5 },
]

describe('SpanningTree', () => {
  it.each(cases)('is as long as that of all pairs: $name', ({ rows, minSamples }) => {
    const nearest = nearestOf(rows, 5)
    const cores = coreDistances(nearest, minSamples)
    const { first, second, weights } = tree(rows, nearest, cores)
    expect([...weights]).toEqual(prim(rows, cores))
    const joined = new UnionFind(rows.rows)
    for (const [edge, weight] of weights.entries()) {
      const [a = 0, b = 0] = [first[edge], second[edge]]
      expect(reach(rows, cores, a, b)).toBe(weight)
      expect(joined.unite(a, b)).toBe(true)
    }
  })

  it('asks for no row where the nearest rows tell all', () => {
    const rows = rowsOf(Array.from({ length: 50 }, (_, i) => [i + i ** 2 / 100]))
    const nearest = nearestOf(rows, 5)
    expect(tree(rows, nearest, coreDistances(nearest, 2)).asked).toBe(0)
  })

  it('asks only for the rows of all components but one', () => {
    const rows = bridged(1)
    const nearest = nearestOf(rows, 5)
    const { asked } = tree(rows, nearest, coreDistances(nearest, 2))
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThanOrEqual(2 * (rows.rows - 60))
  })
})

describe('coreDistances', () => {
  it('counts the row itself, and takes the farthest where there are too few', () => {
    const nearest = nearestOf(rowsOf([[0], [1], [3]]), 4)
    expect([...coreDistances(nearest, 1)]).toEqual([0, 0, 0])
    expect([...coreDistances(nearest, 2)]).toEqual([1, 1, 2])
    expect([...coreDistances(nearest, 5)]).toEqual([3, 2, 3])
  })
})
