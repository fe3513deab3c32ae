import { afterAll, describe, expect, it } from 'vitest'
import { distance, type Metric } from '../../../src/kernels/distance.ts'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import { Random } from '../../../src/kernels/random.ts'
import type { PairSource } from '../../../src/neighbors/duplicate-rows.ts'
import { neighborDistances } from '../../../src/neighbors/neighbor-distances.ts'
import type { StoredTable } from '../../../src/table/column-store.ts'
import { pointBatches, pointsAt } from '../../helpers/points.ts'

afterAll(closeKernel)

const columns = 5
const random = new Random(3)
/** Of 90 rows every 7th has no embedding, every 5th takes no part, and every 11th is as the one before. */
const places = Array.from({ length: 90 }, () =>
  Array.from({ length: columns }, () => Math.fround(random.normal())),
).map((at, row, all) => (row % 7 === 3 ? null : row % 11 === 5 ? (all[row - 1] ?? at) : at))
const takesPart = Uint8Array.from(places, (_, row) => (row % 5 === 4 ? 0 : 1))

/** The rows, as a table that is read in batches of 13. */
const table = {
  numRows: places.length,
  async *read() {
    await Promise.resolve()
    yield* pointBatches(pointsAt(places), columns, 13)
  },
} as unknown as StoredTable

function oneByOne(metric: Metric, k: number): number[] {
  const rows = places.flatMap((at, row) =>
    at && takesPart[row] === 1 ? [Float32Array.from(at)] : [],
  )
  const nearest = rows.flatMap((values, row) =>
    rows
      .flatMap((other, i) =>
        i === row
          ? []
          : [distance(metric, { values, from: 0 }, { values: other, from: 0 }, columns)],
      )
      .sort((a, b) => a - b)
      .slice(0, k),
  )
  return nearest.filter((found) => found > 1e-12).sort((a, b) => a - b)
}

describe('neighborDistances', () => {
  it.each([
    { metric: 'euclidean', k: 1, blockBytes: 1 },
    { metric: 'euclidean', k: 9, blockBytes: 600 },
    { metric: 'cosine', k: 9, blockBytes: 1 },
    { metric: 'cosine', k: 200, blockBytes: 1e9 },
  ] as const)(
    'measures what a look at each pair does: $metric, $k, in blocks of $blockBytes bytes',
    async ({ metric, k, blockBytes }) => {
      const source: PairSource = {
        ...{ table, embedding: 'embedding', metric, takesPart, blockBytes },
        hashes: new Uint32Array(2 * places.length),
        hasHash: new Uint8Array(places.length),
      }
      const expected = oneByOne(metric, k)
      expect(expected.length).toBeGreaterThan(50)
      expect([...(await neighborDistances(source, k))]).toEqual(expected)
    },
  )
})
