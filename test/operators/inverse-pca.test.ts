import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inversePca, type InversePcaOptions } from '../../operators/inverse-pca.ts'
import { pca } from '../../operators/pca.ts'
import { batchOf, column, concat, textColumn } from '../../src/batch/batch.ts'
import { tensorColumn, tensorShape, tensorValues } from '../../src/batch/tensor.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inverse-pca-test-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await closeKernel()
})

const [rows, columns] = [40, 5]
/** Rows on a tilted plane, so that two components say all of them. */
const values = Float32Array.from({ length: rows * columns }, (_, at) => {
  const [row, i] = [Math.floor(at / columns), at % columns]
  return 3 + Math.sin(row * row) * (i + 1) + Math.cos(row) * (i % 2)
})
const batch = batchOf([
  textColumn(
    'id',
    Array.from({ length: rows }, (_, row) => String(row)),
  ),
  tensorColumn('embedding', [columns], values),
])

async function reconstructed(
  components: number,
  { whiten = false, cut = rows }: { readonly whiten?: boolean; readonly cut?: number } = {},
): Promise<RecordBatch> {
  const save = join(folder, `${String(components)}${String(whiten)}`)
  const scored = await lastValueFrom(
    flowOf([batch]).pipe(pca({ components, whiten, save }), toArray()),
  )
  const all = concat(scored)
  const parts = [all.slice(0, cut), all.slice(cut)].filter((part) => part.numRows > 0)
  return concat(await lastValueFrom(flowOf(parts).pipe(inversePca({ model: save }), toArray())))
}

describe('inversePca', () => {
  it.each([{}, { whiten: true }, { cut: 13 }])('gives back what was scored (%j)', async (how) => {
    const out = await reconstructed(2, how)
    const field = out.schema.fields.find(({ name }) => name === 'reconstruction')
    expect(field && tensorShape(field)).toEqual([columns])
    const got = tensorValues(column(out, 'reconstruction'))
    expect(got).toBeInstanceOf(Float32Array)
    values.forEach((value, at) => {
      expect(got[at]).toBeCloseTo(value, 4)
    })
  })

  it('gives the nearest row that the components can say', async () => {
    const got = tensorValues(column(await reconstructed(1), 'reconstruction'))
    const missed = values.reduce((sum, value, at) => sum + (value - (got[at] ?? NaN)) ** 2, 0)
    const spread = values.reduce((sum, value) => sum + value ** 2, 0)
    expect(missed).toBeGreaterThan(0)
    expect(missed).toBeLessThan(0.1 * spread)
  })

  it.each<[string, InversePcaOptions]>([
    [
      'Expected option `model` of inversePca to be a Pca or the folder of a saved one, got nothing',
      {} as InversePcaOptions,
    ],
    [
      'Expected inversePca to be given only known options, got `modle`; did you mean `model`?',
      { modle: 'm' } as unknown as InversePcaOptions,
    ],
  ])('says: %s', (message, options) => {
    expect(() => inversePca(options)).toThrow(expect.objectContaining({ code: 'OPTION', message }))
  })

  it('refuses scores of another width', async () => {
    await reconstructed(2)
    const narrow = batchOf([tensorColumn('pca', [3], new Float32Array(6))])
    const flow = flowOf([narrow]).pipe(inversePca({ model: join(folder, '2false') }))
    await expect(lastValueFrom(flow)).rejects.toMatchObject({ code: 'SCHEMA', column: 'pca' })
  })
})
