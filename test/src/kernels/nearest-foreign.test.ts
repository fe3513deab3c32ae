import { afterAll, describe, expect, it } from 'vitest'
import { distance, type Metric } from '../../../src/kernels/distance.ts'
import { nearestForeign } from '../../../src/kernels/nearest-foreign.ts'
import { releaseSessions } from '../../../src/kernels/sessions.ts'

afterAll(releaseSessions)

const numRows = 300
const columns = 3
// Whole numbers, so that many distances are equal.
const values = Float32Array.from({ length: numRows * columns }, (_, i) => (i * i * 7 + i) % 11)
const components = Int32Array.from({ length: numRows }, (_, row) => (row * row) % 5)
const cores = Float64Array.from({ length: numRows }, (_, row) => ((row * 3) % 7) / 4)

async function inBlocks(metric: Metric, blockRows: number) {
  const queries = { values, components, cores }
  let found = {
    distances: new Float64Array(numRows).fill(Infinity),
    rows: new Int32Array(numRows).fill(-1),
  }
  for (let from = 0; from < numRows; from += blockRows) {
    const items = {
      values: values.slice(from * columns, (from + blockRows) * columns),
      components: components.slice(from, from + blockRows),
      cores: cores.slice(from, from + blockRows),
    }
    found = (await nearestForeign({
      ...{ columns, metric, queries, items },
      ...{ itemOffset: from, ...found },
    })) as typeof found
  }
  return { distances: [...found.distances], rows: [...found.rows] }
}

function byMeasuring(metric: Metric) {
  const found = { distances: [] as number[], rows: [] as number[] }
  for (let row = 0; row < numRows; row++) {
    let least = Infinity
    let best = -1
    for (let other = 0; other < numRows; other++) {
      if (components[other] === components[row]) continue
      const a = { values, from: row * columns }
      const apart = distance(metric, a, { values, from: other * columns }, columns)
      const reached = Math.max(apart, cores[row] ?? 0, cores[other] ?? 0)
      if (reached >= least) continue
      least = reached
      best = other
    }
    found.distances.push(least)
    found.rows.push(best)
  }
  return found
}

describe('nearestForeign', () => {
  it.each(['euclidean', 'cosine'] as const)(
    'finds what measuring every pair finds, by %s, however the rows are cut',
    async (metric) => {
      const expected = byMeasuring(metric)
      expect(await inBlocks(metric, 300)).toEqual(expected)
      expect(await inBlocks(metric, 70)).toEqual(expected)
    },
  )
})
