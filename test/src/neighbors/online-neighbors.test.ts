import type { RecordBatch } from 'apache-arrow'
import { afterAll, describe, expect, it } from 'vitest'
import { batchOf, column, textColumn } from '../../../src/batch/batch.ts'
import { DataError } from '../../../src/errors.ts'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import { OnlineNeighbors } from '../../../src/neighbors/online-neighbors.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'

afterAll(closeKernel)

function batch(from: number, to: number): RecordBatch {
  const rows = Array.from({ length: to - from }, (_, i) => from + i)
  const values = Float32Array.from(rows.flatMap((r) => [Math.cos(r * r), Math.sin(3 * r), r / 60]))
  const ids = rows.map((row) => `r${String(row)}`)
  return batchOf([textColumn('id', ids), tensorColumn('embedding', [3], values)])
}

function start(kind: 'exact' | 'hnsw'): OnlineNeighbors {
  const done = (): Promise<void> => Promise.resolve()
  const search = { column: 'embedding', k: 1, metric: 'euclidean', windowRows: 16 } as const
  return new OnlineNeighbors({ ...search, kind, done })
}

async function idsFrom(step: OnlineNeighbors, rows: RecordBatch): Promise<unknown[]> {
  const out: unknown[] = []
  for await (const answer of step.next(rows)) out.push(...column(answer, 'near_id'))
  return out
}

describe('OnlineNeighbors', () => {
  it.each(['exact', 'hnsw'] as const)(
    'goes on from a snapshot as if never stopped: %s',
    async (kind) => {
      const whole = start(kind)
      const expected = await idsFrom(whole, batch(0, 100))
      const first = start(kind)
      expect(await idsFrom(first, batch(0, 41))).toEqual(expected.slice(0, 41))
      const state = structuredClone(await first.snapshot())
      await first.close()
      const second = start(kind)
      await second.restore(state)
      expect(await idsFrom(second, batch(41, 100))).toEqual(expected.slice(41))
      await second.close()
      await whole.close()
    },
  )

  it('starts from the snapshot of one that saw nothing', async () => {
    const step = start('hnsw')
    await step.restore(structuredClone(await start('hnsw').snapshot()))
    expect(await idsFrom(step, batch(0, 2))).toEqual([null, 'r0'])
    await step.close()
  })

  it('refuses a damaged snapshot before usearch reads it', async () => {
    const step = start('hnsw')
    await idsFrom(step, batch(0, 40))
    const state = structuredClone(await step.snapshot())
    await step.close()
    const bytes = state.files['index.usearch']?.bytes
    if (!bytes) throw new Error('Expected the bytes of the index')
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    await expect(start('hnsw').restore(state)).rejects.toThrow(DataError)
  })
})
