import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { report } from '../../../src/workflows/report.ts'
import { score } from '../../../src/workflows/score.ts'
import { newFolder, rowsOf, unattended, writeBatch } from '../../helpers/workflows.ts'

const [rows, width] = [20, 4]

/** A Parquet file of embeddings, of which the one in row 7 is NaN. */
async function withOneNaN(): Promise<string> {
  const path = join(newFolder(), 'rows.parquet')
  const values = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i * i))
  values[7 * width + 2] = NaN
  const ids = Array.from({ length: rows }, (_, row) => `row ${String(row)}`)
  await writeBatch(
    path,
    batchOf([textColumn('id', ids), tensorColumn('embedding', [width], values)]),
  )
  return path
}

describe('an embedding that is not finite', () => {
  it('is a reject of report and score, and the other rows come out', async () => {
    const path = await withOneNaN()
    const options = { sources: [{ path }], seed: 0, threads: 1 }
    const out = newFolder()
    const reported = await report({ ...options, out }, unattended())
    const files = { out: join(out, 'scores.parquet'), rejects: join(out, 'scores.rejects.parquet') }
    const scored = await score({ ...options, models: join(out, 'models'), ...files }, unattended())
    for (const { summary } of [reported, scored])
      expect(summary).toMatchObject({ items: rows - 1, rejects: 1 })

    const reject = { id: 'row 7', operator: 'requireFinite', code: 'NOT_FINITE', attempt: 1 }
    for (const rejects of [join(out, 'rejects.parquet'), files.rejects])
      expect(await rowsOf(rejects)).toEqual([expect.objectContaining(reject)])
    for (const table of [join(out, 'items.parquet'), files.out])
      expect((await rowsOf(table)).map(({ id }) => id)).not.toContain('row 7')
  })
})
