import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { tensorColumn } from '../../src/batch/tensor.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { Random } from '../../src/kernels/random.ts'
import { run } from '../../src/run/run.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import { tinyModel } from '../helpers/tiny-model.ts'
import { clipart } from '../helpers/workflows.ts'

/** Rows of each of the Parquet files. */
export const vectorRows = 120

/** Values of each vector. */
const width = 8

/**
 * Makes what the pipelines read: `pictures/` (30 bundled ones, two of them damaged, two the same, and
 * a text that is none), `a.parquet` and `b.parquet` (vectors in row groups of 16), and `tiny.onnx`, whose
 * embedding is the picture's own values.
 */
export async function makeInputs(folder: string): Promise<void> {
  for (const name of ['train/birds', 'test/birds', 'train/desserts/bad_truncated.png'])
    cpSync(join(clipart, name), join(folder, 'pictures', name), { recursive: true })
  mkdirSync(join(folder, 'pictures', 'train', 'desserts'), { recursive: true })
  writeFileSync(join(folder, 'pictures', 'train', 'desserts', 'no_picture.jpg'), 'text')
  writeFileSync(join(folder, 'tiny.onnx'), tinyModel({ shape: [1, 3, 2, 2] }))
  for (const [stream, name] of ['a', 'b'].entries()) {
    const rows = flowOf([vectors(name, stream)])
    await run(rows.pipe(toParquet(join(folder, `${name}.parquet`), { rowGroupRows: 16 })))
  }
}

function vectors(name: string, stream: number) {
  const random = new Random(7, stream)
  const ids = Array.from({ length: vectorRows }, (_, i) => `${name}${String(i)}`)
  const values = Float32Array.from({ length: vectorRows * width }, (_, at) =>
    Math.fround(random.normal() + (at % width)),
  )
  return batchOf([textColumn('id', ids), tensorColumn('embedding', [width], values)])
}
