import { readFileSync } from 'node:fs'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, describe, expect, it } from 'vitest'
import { clusters, type ClustersOptions } from '../../operators/clusters.ts'
import { clusterSizeFor } from '../../src/clusters/cluster-table.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { digits } from '../helpers/digits.ts'
import { flowOfBatches, pointBatches, pointsAt } from '../helpers/points.ts'

afterAll(closeKernel)

interface Case extends Required<Omit<ClustersOptions, 'column'>> {
  readonly data: 'blobs' | 'digits'
  readonly likeScikitLearn: boolean
  readonly labels: readonly number[]
  readonly probabilities: readonly number[]
  readonly outliers: readonly number[]
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/hdbscan/hdbscan.json', import.meta.url), 'utf8'),
) as { cases: Case[]; blobs: { columns: number; base64: string } }

const noLists = { labels: undefined, probabilities: undefined, outliers: undefined }

type Places = (readonly number[] | null)[]

const blobs = placesOf(
  new Float32Array(Uint8Array.from(Buffer.from(fixture.blobs.base64, 'base64')).buffer),
  fixture.blobs.columns,
)

function placesOf(values: ArrayLike<number>, columns: number): number[][] {
  return Array.from({ length: values.length / columns }, (_, row) =>
    Array.from({ length: columns }, (_, at) => values[row * columns + at] ?? 0),
  )
}

async function run(batches: readonly RecordBatch[], options: ClustersOptions) {
  const flow = flowOfBatches(batches).pipe(clusters(options))
  const found = await lastValueFrom(flow.pipe(toArray()), { defaultValue: [] })
  function values(name: string): (number | null)[] {
    return found.flatMap((batch) => [...(batch.getChild(name) ?? [])] as (number | null)[])
  }
  return {
    labels: values('cluster'),
    probabilities: values('cluster_probability'),
    outliers: values('cluster_outlier'),
  }
}

function clustered(places: Places, options: ClustersOptions, size?: number) {
  const length = places.find((at) => at !== null)?.length ?? 2
  return run(pointBatches(pointsAt(places), length, size), options)
}

/** The largest difference. */
function off(values: readonly (number | null)[], expected: readonly number[]): number {
  return Math.max(...expected.map((value, row) => Math.abs((values[row] ?? Infinity) - value)))
}

function times<T>(n: number, value: T): T[] {
  return Array.from({ length: n }, () => value)
}

/** Two groups of 12 on a line, and a row far off. */
const line = [...Array.from({ length: 24 }, (_, i) => [i < 12 ? i / 10 : 30 + i / 9, 1]), [500, 1]]

describe('clusters', () => {
  it.each(
    fixture.cases.map((each) => ({ ...each, name: JSON.stringify({ ...each, ...noLists }) })),
  )('finds what the definition says: $name', async (expected) => {
    const { metric, minClusterSize, minSamples, selection, allowSingleCluster } = expected
    const { heldOut } = digits()
    const places = expected.data === 'blobs' ? blobs : placesOf(heldOut.values, heldOut.columns)
    const options = { metric, minClusterSize, minSamples, selection, allowSingleCluster }
    const found = await clustered(places, options)
    expect(found.labels).toEqual(expected.labels)
    expect(off(found.probabilities, expected.probabilities)).toBeLessThan(2e-6)
    expect(off(found.outliers, expected.outliers)).toBeLessThan(2e-6)
  })

  it('is compared with scikit-learn too', () => {
    expect(fixture.cases.filter((each) => each.likeScikitLearn)).toHaveLength(4)
  })

  it('gives the same rows however they are cut', async () => {
    const places = [...blobs.slice(0, 90), null, ...blobs.slice(90), null]
    const [whole, one, seven] = await Promise.all(
      [500, 1, 7].map((size) => clustered(places, { minClusterSize: 8 }, size)),
    )
    expect(new Set(whole?.labels).size).toBeGreaterThan(2)
    expect(whole?.labels[90]).toBe(null)
    expect(whole?.probabilities.at(-1)).toBe(null)
    expect(whole?.outliers.at(-1)).toBe(null)
    expect(one).toEqual(whole)
    expect(seven).toEqual(whole)
    const [batch] = pointBatches(pointsAt([null, [1, 2, 3, 4, 5], ...places]), 5)
    const sliced = await run([batch?.slice(2) as RecordBatch], { minClusterSize: 8 })
    expect(sliced).toEqual(whole)
  })

  it('gives the same clusters in whatever order equal distances come', async () => {
    const grid = Array.from({ length: 40 }, (_, i) => [(i % 20) % 5, (i < 20 ? 0 : 9) + (i % 4)])
    const order = grid.map((_, i) => (i * 17) % 40)
    const options = { metric: 'euclidean', minClusterSize: 5 } as const
    const found = await clustered(grid, options)
    const shuffled = await clustered(
      order.map((i) => grid[i] ?? []),
      options,
    )
    expect(found.labels).toContain(1)
    expect(order.map((i) => found.probabilities[i])).toEqual(shuffled.probabilities)
    expect(order.map((i) => found.outliers[i])).toEqual(shuffled.outliers)
    const pairs = new Set(
      order.map((i, at) => `${String(found.labels[i])}:${String(shuffled.labels[at])}`),
    )
    expect(pairs.size).toBe(new Set(found.labels).size)
  })

  it('takes √rows, from 5 to 100, for the size and 3 for the samples by default', async () => {
    const found = await clustered(line, { metric: 'euclidean' })
    expect(found).toEqual(
      await clustered(line, { metric: 'euclidean', minClusterSize: 5, minSamples: 3 }),
    )
    expect(found.labels).toEqual([...times(12, 0), ...times(12, 1), -1])
    expect(found.outliers[24]).toBeGreaterThan(0.99)
    expect(found.probabilities[24]).toBe(0)
    expect([100, 1_797, 50_000].map(clusterSizeFor)).toEqual([10, 42, 100])
  })

  it('takes copies for dense, not for infinitely dense', async () => {
    const copies = Array.from({ length: 12 }, () => [0.55, 1])
    const found = await clustered([...line, ...copies], { metric: 'euclidean', minClusterSize: 6 })
    // Without a limit the copies were a cluster of their own and the rows about them in none.
    expect(found.labels.slice(0, 12)).toEqual(times(12, 0))
    expect(found.probabilities.every((p) => Number.isFinite(p))).toBe(true)
  })

  it.each([
    { name: 'no row', places: [], expected: [] },
    { name: 'one row', places: [[1, 2]], expected: [-1] },
    { name: 'one row that may be a cluster', places: [[1, 2]], single: true, expected: [-1] },
    { name: 'equal rows', places: times(6, [1, 2]), expected: times(6, -1) },
    {
      name: 'equal rows that may be one',
      places: times(6, [1, 2]),
      single: true,
      expected: times(6, 0),
    },
    { name: 'only nulls', places: [null, null], expected: [null, null] },
  ] as { name: string; places: Places; single?: boolean; expected: (number | null)[] }[])(
    'answers $name',
    async ({ places, single = false, expected }) => {
      const found = await clustered(places, { allowSingleCluster: single })
      expect(found.labels).toEqual(expected)
    },
  )

  it('checks its options', () => {
    const message = (options: object) => {
      try {
        clusters(options)
      } catch (error) {
        return error instanceof OptionError ? error.message : error
      }
      return undefined
    }
    expect(message({ minSize: 3 })).toMatch(/^Expected clusters .* got `minSize`/)
    expect(message({ minClusterSize: 1 })).toBe(
      'Expected option `minClusterSize` to be an integer of at least 2, got 1',
    )
    expect(message({ minSamples: 0 })).toMatch(/`minSamples`/)
    expect(message({ metric: 'dot' })).toMatch(/`metric`/)
    expect(message({ selection: 'all' })).toMatch(/`selection`/)
    expect(message({ allowSingleCluster: 1 })).toMatch(/`allowSingleCluster`/)
  })

  it('fails for a value that is not finite, and without the column', async () => {
    await expect(clustered([[1, NaN]], {})).rejects.toThrow(DataError)
    await expect(clustered([[1, 2]], { column: 'features' })).rejects.toThrow(SchemaError)
  })
})
