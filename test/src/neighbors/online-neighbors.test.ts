import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import type { RecordBatch } from 'apache-arrow'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { batchOf, column, textColumn } from '../../../src/batch/batch.ts'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import { saveIndex } from '../../../src/models/indexes.ts'
import type { NeighborIndex } from '../../../src/models/neighbor-index.ts'
import { OnlineNeighbors } from '../../../src/neighbors/online-neighbors.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { runFrom } from '../../helpers/runs.ts'

afterAll(closeKernel)

function batch(from: number, to: number): RecordBatch {
  const rows = Array.from({ length: to - from }, (_, i) => from + i)
  const values = Float32Array.from(rows.flatMap((r) => [Math.cos(r * r), Math.sin(3 * r), r / 60]))
  const ids = rows.map((row) => `r${String(row)}`)
  return batchOf([textColumn('id', ids), tensorColumn('embedding', [3], values)])
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'online-neighbors-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** A search; what it holds at its end is `saved` as a model. */
function start(kind: 'exact' | 'hnsw', { durable = true, saved = '' } = {}): OnlineNeighbors {
  const search = { column: 'embedding', k: 1, metric: 'euclidean', windowRows: 64 } as const
  const { signal } = new AbortController()
  const place = { run: runFrom(new Map(), folder), key: 'neighbors', signal }
  const done = (index: NeighborIndex): Promise<void> => saveIndex(saved, index)
  return new OnlineNeighbors({ ...search, kind, done, ...(durable && { place }) })
}

async function idsFrom(step: OnlineNeighbors, rows: RecordBatch): Promise<unknown[]> {
  const out: unknown[] = []
  for await (const answer of step.next(rows)) out.push(...column(answer, 'near_id'))
  return out
}

/** Ends a search; the bytes of all that it saves. */
async function ended(step: OnlineNeighbors, saved: string): Promise<Buffer[]> {
  for await (const answer of step.flush()) expect(answer).toBe('nothing')
  await step.close()
  const names = (await readdir(saved)).sort()
  return Promise.all(names.map((name) => readFile(join(saved, name))))
}

describe('OnlineNeighbors', () => {
  it.each(['exact', 'hnsw'] as const)(
    'answers and ends as if never stopped, from each snapshot: %s',
    async (kind) => {
      const saved = join(folder, 'saved')
      const whole = start(kind, { durable: false, saved })
      const expected = await idsFrom(whole, batch(0, 3_000))
      const files = await ended(whole, saved)
      const first = start(kind)
      const states: { rows: number; state: unknown }[] = []
      for (const [from, to] of [
        [0, 41],
        [41, 64],
        [64, 1_000],
        [1_000, 2_500],
      ] as const) {
        expect(await idsFrom(first, batch(from, to))).toEqual(expected.slice(from, to))
        states.push({ rows: to, state: structuredClone(await first.snapshot()) })
      }
      await first.close()
      // Each finds the log as it was left behind the last, and cuts it back.
      for (const { rows, state } of states.toReversed()) {
        const next = start(kind, { saved })
        await next.restore(state)
        expect(await idsFrom(next, batch(rows, 3_000))).toEqual(expected.slice(rows))
        expect(
          (await ended(next, saved)).map((bytes, i) => bytes.equals(files[i] as Buffer)),
        ).toEqual(files.map(() => true))
      }
    },
  )

  it('goes on with its log after a resume, and writes each row once', async () => {
    const step = start('hnsw')
    const sizes: number[] = []
    for (let row = 0; row < 1_000; row += 100) {
      await idsFrom(step, batch(row, row + 100))
      sizes.push(serialize(await step.snapshot()).length)
    }
    await step.close()
    expect(Math.max(...sizes)).toBeLessThan(2_000)
    const [name = ''] = (await readdir(folder, { recursive: true })).filter((f) =>
      f.endsWith('-embedding.arrow'),
    )
    expect((await stat(join(folder, name))).size).toBeLessThan(1_000 * 3 * 4 + 6_000)
  })

  it('starts from the snapshot of one that saw nothing', async () => {
    const step = start('hnsw')
    await step.restore(structuredClone(await start('hnsw').snapshot()))
    expect(await idsFrom(step, batch(0, 2))).toEqual([null, 'r0'])
    await step.close()
  })

  it('has no snapshot without checkpoints', async () => {
    const step = start('hnsw', { durable: false })
    await idsFrom(step, batch(0, 2))
    await expect(step.snapshot()).rejects.toThrow('Expected a run with checkpoints, got none')
    await step.close()
  })
})
