import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fit } from '../../../src/workflows/fit.ts'
import { report } from '../../../src/workflows/report.ts'
import { duckdb } from '../../helpers/parquet-engines.ts'
import { tinyModel } from '../../helpers/tiny-model.ts'
import { clipart, newFolder, rowsOf, summaryOf, unattended } from '../../helpers/workflows.ts'

const pictures = [
  'fruit/lime_half_slice_ganson',
  'bugs/abeille_tanguy_jacq_01',
  'desserts/candy_20',
  'fruit/lime_half_slice_ganson',
].map((name) => join(clipart, 'test', `${name}.png`))

/** A file as datasets of Hugging Face have them; the third picture is none. */
async function dataset(column: string): Promise<string> {
  const folder = newFolder()
  const path = join(folder, 'train.parquet')
  const rows = pictures.map((picture, row) => {
    const bytes = row === 2 ? "'no picture'::blob" : `from_hex('${readFileSync(picture, 'hex')}')`
    return `({bytes: ${bytes}, path: '${String(row)}.png'}, ${String(row % 2)})`
  })
  const features = { label: { names: ['cat', 'dog'], _type: 'ClassLabel' } }
  const metadata = JSON.stringify({ info: { features } })
  await duckdb(
    `copy (select * from (values ${rows.join()}) t(${column}, label)) to '${path}' (format parquet, kv_metadata {huggingface: '${metadata}'})`,
  )
  return path
}

function smallModel(): string {
  const model = join(newFolder(), 'small.onnx')
  writeFileSync(model, tinyModel({ shape: [1, 3, 8, 12] }))
  return model
}

describe('report on Parquet files with pictures', () => {
  it('decodes them, knows their labels and rejects what is no picture', async () => {
    const out = newFolder()
    const sources = [{ path: await dataset('image') }]
    await report({ sources, out, seed: 0, threads: 1, model: smallModel() }, unattended())
    const items = await rowsOf(join(out, 'items.parquet'))
    expect(items.map(({ id, label, exact_group }) => [id, label, exact_group])).toEqual([
      ['train.parquet#0', 'cat', 0],
      ['train.parquet#1', 'dog', null],
      ['train.parquet#3', 'dog', 0],
    ])
    expect(summaryOf(out)).toMatchObject({ items: 3, rejects: 1 })
    expect(await rowsOf(join(out, 'rejects.parquet'))).toMatchObject([
      { id: 'train.parquet#2', operator: 'decode', code: 'FORMAT' },
    ])
  })
})

describe('fit on Parquet files with pictures', () => {
  it('takes the only column of pictures, whatever it is called', async () => {
    const sources = [{ path: await dataset('img') }]
    const options = { sources, out: newFolder(), seed: 0, threads: 1, model: smallModel() }
    const { summary } = await fit(options, unattended())
    expect(summary).toMatchObject({ items: 3, rejects: 1 })
  })
})
