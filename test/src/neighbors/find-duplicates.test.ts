import { readFileSync } from 'node:fs'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, describe, expect, it } from 'vitest'
import { duplicateGroups } from '../../../operators/duplicate-groups.ts'
import { duplicates, type DuplicatesOptions } from '../../../operators/duplicates.ts'
import { OptionError } from '../../../src/errors.ts'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import { Random } from '../../../src/kernels/random.ts'
import { flowOfBatches, type Point, pointBatches, pointsAt } from '../../helpers/points.ts'

afterAll(closeKernel)

interface KnownGroup {
  readonly rows: readonly number[]
  readonly mean: number
  readonly std: number
  readonly projection: readonly (readonly [number, number])[] | null
}

interface Known {
  readonly rows: readonly (readonly number[])[]
  readonly threshold: Readonly<Record<string, number>>
  readonly groups: Readonly<Record<string, readonly KnownGroup[]>>
}

interface KnownLinkage {
  readonly cases: readonly {
    readonly linkage: 'single' | 'complete'
    readonly metric: 'euclidean' | 'cosine'
    readonly distance: number
    readonly groups: readonly (readonly number[])[]
  }[]
}

function fixture(name: string): unknown {
  const url = new URL(`../../fixtures/duplicates/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as unknown
}

const known = fixture('thresholds') as Known
const { cases } = fixture('linkage') as KnownLinkage

interface Row {
  readonly id: string
  readonly kind: string
  readonly group: number
  readonly by: string | null
  readonly keep: boolean
  readonly embedding_distance: number | null
  readonly centroid_distance?: number | null
  readonly centroid_mean?: number | null
  readonly centroid_std?: number | null
  readonly x?: number | null
  readonly y?: number | null
}

async function rowsOf(
  points: readonly Point[],
  options: DuplicatesOptions,
  size?: number,
): Promise<Row[]> {
  const length = points.find(({ at }) => at)?.at?.length ?? 1
  const contents = {
    contentHash: points.some((point) => 'content_hash' in point) && 'content_hash',
  }
  const flow = flowOfBatches(pointBatches(points, length, size))
  const answers = flow.pipe(duplicates({ ...contents, ...options }), duplicateGroups())
  const batches = await lastValueFrom(answers.pipe(toArray()))
  return batches.flatMap((batch) => batch.toArray().map((row) => ({ ...row.toJSON() }) as Row))
}

/** Ids of the members of each near group. */
async function groupsOf(
  points: readonly Point[],
  options: DuplicatesOptions,
  kind = 'near',
): Promise<string[][]> {
  const groups: string[][] = []
  for (const row of await rowsOf(points, options))
    if (row.kind === kind) (groups[row.group] ??= []).push(row.id)
  return groups
}

const random = new Random(7)
const noise = (rows: number, columns: number): number[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => random.normal()))

describe('duplicates by the distances of neighbours', () => {
  const rules = {
    slope_default: { slope: 5 },
    slope3: { slope: 3 },
    slope20: { slope: 20 },
    percentile_95: { percentile: 95 },
    percentile_90: { percentile: 90 },
  } as const

  it.each(Object.entries(rules))('finds the known groups: %s', async (name, rule) => {
    const options = { rule, metric: 'scaled', linkage: 'single', spread: true } as const
    const rows = await rowsOf(pointsAt(known.rows), options)
    const groups = known.groups[name] ?? []
    const sorted = groups
      .map((group) => [...group.rows].sort((a, b) => a - b).map(String))
      .sort((a, b) => Number(a[0]) - Number(b[0]))
    const found: string[][] = []
    for (const { group, id } of rows) (found[group] ??= []).push(id)
    expect(found).toEqual(sorted)
    for (const { rows: members, mean, std, projection } of groups) {
      const own = members.map((row) => rows.find(({ id }) => id === String(row)))
      for (const row of own) {
        expect(row?.centroid_mean).toBeCloseTo(mean, 7)
        expect(row?.centroid_std).toBeCloseTo(std, 7)
      }
      for (const axis of projection ? (['x', 'y'] as const) : []) {
        const at = axis === 'x' ? 0 : 1
        const expected = projection?.map((place) => place[at]) ?? []
        const places = own.map((row) => row?.[axis] ?? Number.NaN)
        const heaviest = expected.map(Math.abs).indexOf(Math.max(...expected.map(Math.abs)))
        const sign = Math.sign((places[heaviest] ?? 0) * (expected[heaviest] ?? 0))
        for (const [i, place] of places.entries())
          expect(sign * place).toBeCloseTo(expected[i] ?? Number.NaN, 6)
      }
    }
  })

  it('gives a function the sorted distances of the k nearest, without those of equal rows', async () => {
    let seen = new Float64Array()
    const rule = (distances: Float64Array): number => {
      seen = Float64Array.from(distances)
      return 0.1
    }
    const points = pointsAt([[0, 0], [0, 0], [3, 4], null, [3, 4.5]])
    const options = { rule, metric: 'euclidean', k: 2 } as const
    expect(await groupsOf(points, options)).toEqual([['0', '1']])
    expect([...seen]).toEqual([0.5, 0.5, 5, 5, 5, Math.hypot(3, 4.5)].sort((a, b) => a - b))
  })

  it.each([Number.NaN, -1, Infinity])('refuses %s from a function', async (threshold) => {
    const points = pointsAt([[0], [1]])
    await expect(rowsOf(points, { rule: () => threshold })).rejects.toThrow(
      new OptionError(
        `Expected \`rule\` to return a distance of at least 0, got ${String(threshold)}`,
      ),
    )
  })

  it.each([20, 50, 200])('finds %i planted copies whole, whatever k is', async (copies) => {
    const places = [
      ...noise(150, 8),
      ...Array.from({ length: copies }, () => [1, 2, 3, 4, 5, 6, 7, 8]),
    ]
    const planted = Array.from({ length: copies }, (_, i) => String(150 + i))
    for (const linkage of ['star', 'single', 'complete'] as const) {
      const options = { rule: { percentile: 100 }, metric: 'scaled', linkage, k: 3 } as const
      const groups = await groupsOf(pointsAt(places), options)
      expect(groups).toContainEqual(planted)
    }
  })

  it('finds copies beside a dead column, in each metric', async () => {
    const places = noise(60, 4).map(([a = 0, b = 0, c = 0]) => [a, 0, b, c])
    const points = pointsAt([...places, places[3] ?? []])
    for (const metric of ['scaled', 'euclidean', 'cosine'] as const) {
      const groups = await groupsOf(points, { rule: { slope: 20 }, metric })
      expect(groups.filter((ids) => ids.includes('60'))).toEqual([expect.arrayContaining(['3'])])
    }
  })

  const few = [
    { name: 'no row', places: [], groups: [] },
    { name: 'one row', places: [[1, 2]], groups: [] },
    // Slope finds pairs in any data.
    {
      name: 'fewer rows than k',
      places: [
        [1, 2],
        [1, 2],
        [9, 1],
      ],
      groups: [['0', '1', '2']],
    },
    { name: 'equal rows', places: new Array<number[]>(30).fill([1, 2]), groups: [30] },
    { name: 'no embeddings', places: [null, null], groups: [] },
  ]
  it.each(few)('bears $name', async ({ places, groups }) => {
    for (const metric of ['scaled', 'euclidean', 'cosine'] as const) {
      const found = await groupsOf(pointsAt(places), {
        rule: { slope: 5 },
        metric,
        linkage: 'single',
      })
      expect(found.length).toBe(groups.length)
      for (const [i, group] of groups.entries())
        if (typeof group === 'number') expect(found[i]?.length).toBe(group)
        else expect(found[i]).toEqual(group)
    }
  })
})

describe('duplicates by a distance', () => {
  it.each(cases)('groups as SciPy does: $linkage, $metric, $distance', async (given) => {
    const { linkage, metric, distance, groups } = given
    const options = { rule: { distance }, metric, linkage } as const
    expect(await groupsOf(pointsAt(known.rows), options)).toEqual(
      groups.map((rows) => rows.map(String)),
    )
  })

  it('finds nothing in noise, as evidence does not', async () => {
    const points = pointsAt(noise(600, 16))
    expect(await groupsOf(points, { rule: { distance: 0.05 } })).toEqual([])
    expect(await groupsOf(points, { phash: false })).toEqual([])
    expect(await groupsOf(points, { rule: { slope: 5 } })).not.toEqual([])
  })

  it('keeps far rows of a chain apart by each linkage but single', async () => {
    const chain = Array.from({ length: 40 }, (_, i) => [i, 0])
    const options = { rule: { distance: 3 }, metric: 'euclidean' } as const
    const sizes = async (linkage: 'star' | 'single' | 'complete'): Promise<number[]> => {
      const groups = await groupsOf(pointsAt(chain), { ...options, linkage })
      return groups.map((ids) => Math.max(...ids.map(Number)) - Math.min(...ids.map(Number)))
    }
    expect(await sizes('single')).toEqual([39])
    expect(Math.max(...(await sizes('complete')))).toBe(3)
    expect(Math.max(...(await sizes('star')))).toBeLessThanOrEqual(6)
  })

  it('answers the same however the rows are batched', async () => {
    const options = { rule: { slope: 3 }, metric: 'scaled', spread: true } as const
    const points = pointsAt([...known.rows.slice(0, 40), null, ...known.rows.slice(40)])
    const whole = await rowsOf(points, options)
    expect(whole.length).toBeGreaterThan(20)
    for (const size of [1, 2]) expect(await rowsOf(points, options, size)).toEqual(whole)
  })
})

describe('duplicates across and within sets', () => {
  const points: Point[] = [
    { id: 'a', at: [0, 0], split: 'train' },
    { id: 'b', at: [0, 0.5], split: 'train' },
    { id: 'c', at: [0, 1], split: 'test' },
    { id: 'd', at: [9, 9], split: 'train' },
    { id: 'e', at: [9, 9], split: 'train' },
    { id: 'f', at: [5, 5], split: null },
    { id: 'g', at: [5, 5.1], split: null },
  ]
  const options = { rule: { distance: 0.6 }, metric: 'euclidean' } as const

  it('makes pairs of all, of different sets, or of one', async () => {
    const of = (more: DuplicatesOptions): Promise<string[][]> =>
      groupsOf(points, { ...options, linkage: 'single', ...more })
    expect(await of({})).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
      ['f', 'g'],
    ])
    expect(await of({ across: 'split' })).toEqual([['b', 'c']])
    expect(await of({ within: 'split' })).toEqual([
      ['a', 'b'],
      ['d', 'e'],
      ['f', 'g'],
    ])
  })

  it('does not lose a pair to a row that is kept, in any linkage', async () => {
    for (const linkage of ['star', 'single', 'complete'] as const)
      expect(await groupsOf(points, { ...options, linkage, across: 'split' })).toEqual([['b', 'c']])
  })

  it('ties copies of one content in different sets, whatever else is known of them', async () => {
    const copies: Point[] = [
      { id: 'a', at: [1, 0], split: 'train', content_hash: 'x' },
      { id: 'b', at: [1, 0], split: 'train', content_hash: 'x' },
      { id: 'c', at: null, split: 'test', content_hash: 'x' },
      { id: 'd', at: [0, 1], split: 'train', content_hash: 'y' },
      { id: 'e', at: [0, 1], split: 'train', content_hash: 'y' },
      { id: 'f', at: [1, 0.1], split: 'test', content_hash: 'z' },
    ]
    for (const linkage of ['star', 'single', 'complete'] as const) {
      const across = await rowsOf(copies, { ...options, linkage, across: 'split' })
      const about = across.map(({ kind, group, id, by }) => [kind, group, id, by])
      expect(about.filter(([kind]) => kind === 'exact')).toEqual([
        ['exact', 0, 'a', null],
        ['exact', 0, 'b', 'hash'],
        ['exact', 0, 'c', 'hash'],
      ])
      expect(about).toContainEqual(['near', 0, 'c', 'hash'])
      expect(about.filter(([, , id]) => id === 'd' || id === 'e')).toEqual([])
    }
    const within = await groupsOf(copies, { ...options, within: 'split' }, 'exact')
    expect(within).toEqual([
      ['a', 'b'],
      ['d', 'e'],
    ])
  })

  it('finds exact copies across sets alone', async () => {
    const copies = [
      { id: 'a', at: null, split: 'train', content_hash: 'x' },
      { id: 'b', at: null, split: 'test', content_hash: 'x' },
      { id: 'c', at: null, split: 'test', content_hash: 'x' },
      { id: 'd', at: null, split: 'test', content_hash: 'y' },
      { id: 'e', at: null, split: 'test', content_hash: 'y' },
    ]
    const alone = { embedding: false, phash: false, across: 'split' } as const
    expect(await groupsOf(copies, alone)).toEqual([['a', 'b', 'c']])
    expect(await groupsOf(copies, alone, 'exact')).toEqual([['a', 'b', 'c']])
  })
})

describe('the spread of groups', () => {
  it('is by direction for cosine, over all members, and 0 for equal ones', async () => {
    const places = [[2, 0], [0, 2], [1, 1], [1, 1], null]
    const points = pointsAt(places).map((point) => ({ ...point, content_hash: 'x' }))
    const rows = await rowsOf(points, { rule: { distance: 0 }, spread: true })
    const near = rows.filter(({ kind }) => kind === 'near')
    const h = Math.SQRT1_2
    const mean = [(1 + 2 * h) / 4, (1 + 2 * h) / 4] as const
    const away = [
      [1, 0],
      [0, 1],
      [h, h],
      [h, h],
    ].map(([x = 0, y = 0]) => Math.hypot(x - mean[0], y - mean[1]))
    for (const [i, expected] of away.entries())
      expect(near[i]?.centroid_distance).toBeCloseTo(expected, 12)
    expect(near[4]).toMatchObject({ id: '4', centroid_distance: null, x: null, y: null })
    expect(Math.abs(near[0]?.x ?? 0)).toBeCloseTo(h, 12)
    expect(near[0]?.x).toBeCloseTo(-(near[1]?.x ?? 0), 12)
    expect(near[2]?.x).toBeCloseTo(0, 12)
    expect(rows.filter(({ kind, x }) => kind === 'exact' && x !== null)).toEqual([])

    const same = pointsAt(new Array<number[]>(300).fill([1, 2, 3]))
    for (const { x, y, centroid_std: std } of await rowsOf(same, {
      rule: { slope: 5 },
      spread: true,
    }))
      expect([x, y, std].map((value) => Math.abs(value ?? 1) < 1e-12)).toEqual([true, true, true])
  })

  it('has one direction where embeddings have one number', async () => {
    const places = [0, 1, 2, 3, 4, 5, 9].map((x) => [x])
    const options = { rule: { distance: 4 }, metric: 'euclidean', spread: true } as const
    const rows = await rowsOf(pointsAt(places), { ...options, linkage: 'single' })
    const mean = 24 / 7
    expect(rows.map(({ x }) => Math.abs(x ?? 0))).toEqual(
      places.map(([x = 0]) => expect.closeTo(Math.abs(x - mean), 12) as number),
    )
    expect(rows.map(({ y }) => y)).toEqual(places.map(() => 0))
  })

  it('says of large groups what it says of small ones', async () => {
    const places = noise(400, 3).map(([a = 0, b = 0, c = 0]) => [100 + 3 * a, b, c / 9])
    const options = {
      rule: { distance: 99 },
      metric: 'euclidean',
      linkage: 'single',
      spread: true,
    } as const
    const rows = await rowsOf(pointsAt(places), options)
    expect(rows.length).toBe(400)
    const mean = [0, 1, 2].map((i) => places.reduce((sum, at) => sum + (at[i] ?? 0), 0) / 400)
    const axis = rows.map(({ x }) => x ?? 0)
    const sign = Math.sign((axis[0] ?? 0) * ((places[0]?.[0] ?? 0) - (mean[0] ?? 0)))
    for (const [i, at] of places.entries()) {
      const away = at.map((value, j) => value - (mean[j] ?? 0))
      expect(rows[i]?.centroid_distance).toBeCloseTo(Math.hypot(...away), 5)
      // The main direction is the first, but for what a sample of 160 leaves open.
      expect(Math.abs(sign * (axis[i] ?? 0) - (away[0] ?? 0))).toBeLessThan(0.5)
    }
  })
})
