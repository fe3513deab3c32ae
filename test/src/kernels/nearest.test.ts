import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { distance, type Metric } from '../../../src/kernels/distance.ts'
import { nearest } from '../../../src/kernels/nearest.ts'
import { releaseSessions } from '../../../src/kernels/sessions.ts'

afterAll(releaseSessions)

interface Search {
  readonly values: Float32Array
  readonly columns: number
  readonly k: number
  readonly metric: Metric
  readonly earlierOnly?: boolean
}

/** All rows among all others, in blocks. */
async function inBlocks(search: Search, blockRows: number): Promise<(readonly number[])[]> {
  const { values, columns, k, metric, earlierOnly = false } = search
  const numRows = values.length / columns
  let found = {
    distances: new Float64Array(numRows * k).fill(Infinity),
    rows: new Int32Array(numRows * k).fill(-1),
  }
  for (let from = 0; from < numRows; from += blockRows) {
    const items = values.slice(from * columns, (from + blockRows) * columns)
    const message = { columns, queries: values, items, itemOffset: from, queryOffset: 0 }
    found = (await nearest({ ...message, k, metric, earlierOnly, ...found })) as typeof found
  }
  return Array.from({ length: numRows }, (_, i) => [...found.rows.slice(i * k, (i + 1) * k)])
}

/** The same by measuring and sorting everything. */
function bySorting({ values, columns, k, metric, earlierOnly }: Search): number[][] {
  const numRows = values.length / columns
  return Array.from({ length: numRows }, (_, i) => {
    const others = [...Array(numRows).keys()].filter((j) => (earlierOnly ? j < i : j !== i))
    const measured = others.map((j) => {
      const a = { values, from: i * columns }
      return { j, d: distance(metric, a, { values, from: j * columns }, columns) }
    })
    const best = measured.sort((a, b) => a.d - b.d || a.j - b.j).slice(0, k)
    return [...best.map((b) => b.j), ...Array<number>(k).fill(-1)].slice(0, k)
  })
}

/** Rows with many ties: small integers, some of them zero rows, some all the same. */
const rows = fc.integer({ min: 1, max: 4 }).chain((columns) =>
  fc
    .array(fc.integer({ min: -2, max: 2 }), { minLength: columns, maxLength: 60 * columns })
    .map((numbers) => ({
      columns,
      values: Float32Array.from(numbers.slice(0, numbers.length - (numbers.length % columns))),
    })),
)

describe('nearest', () => {
  it.each(['cosine', 'euclidean'] as const)(
    'equals measuring and sorting everything, ties and zero rows included: %s',
    async (metric) => {
      await fc.assert(
        fc.asyncProperty(
          rows,
          fc.integer({ min: 1, max: 7 }),
          fc.integer({ min: 1, max: 40 }),
          fc.boolean(),
          async ({ values, columns }, k, blockRows, earlierOnly) => {
            const search = { values, columns, k, metric, earlierOnly }
            expect(await inBlocks(search, blockRows)).toEqual(bySorting(search))
          },
        ),
        { numRuns: 60, seed: 1 },
      )
    },
  )

  const hard = [
    { name: 'a large common offset', at: (x: number) => 1e4 + x },
    { name: 'tiny values', at: (x: number) => x * 1e-25 },
    { name: 'huge values', at: (x: number) => x * 1e25 },
  ]
  it.each(hard)('is exact for Euclidean with $name', async ({ at }) => {
    const values = Float32Array.from({ length: 300 * 5 }, (_, i) => at(Math.sin(i * i)))
    const search = { values, columns: 5, k: 4, metric: 'euclidean' as const }
    expect(await inBlocks(search, 128)).toEqual(bySorting(search))
  })

  it('takes the lowest rows of 300 equal ones, more than it looks at first', async () => {
    const values = new Float32Array(300 * 3).fill(0.1)
    const found = await inBlocks({ values, columns: 3, k: 2, metric: 'cosine' }, 300)
    expect(found[0]).toEqual([1, 2])
    expect(found[1]).toEqual([0, 2])
    expect(found[299]).toEqual([0, 1])
  })

  it('leaves the rest open with fewer rows than k', async () => {
    const values = Float32Array.of(1, 0, 0, 1)
    const found = await inBlocks({ values, columns: 2, k: 3, metric: 'cosine' }, 4)
    expect(found).toEqual([
      [1, -1, -1],
      [0, -1, -1],
    ])
  })
})
