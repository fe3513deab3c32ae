import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { exportOnnx } from '../../../src/workflows/export.ts'
import { fit } from '../../../src/workflows/fit.ts'
import { score } from '../../../src/workflows/score.ts'
import { noise } from '../../helpers/pictures.ts'
import { tinyModel } from '../../helpers/tiny-model.ts'
import { newFolder, rowsOf, unattended, writeBatch } from '../../helpers/workflows.ts'

const folder = newFolder()
const pictures = join(folder, 'pictures')
const embeddings = join(folder, 'embeddings.parquet')
const pictureModels = join(folder, 'picture-models')
const embeddingModels = join(folder, 'embedding-models')
const values = Float32Array.from({ length: 90 * 6 }, (_, i) => Math.sin(i * i + i))
const side = 224

beforeAll(async () => {
  mkdirSync(pictures)
  for (let i = 0; i < 8; i++) {
    const blurred = noise(side, side, i)
      .blur(1 + i)
      .png()
    writeFileSync(join(pictures, `${String(i)}.png`), await blurred.toBuffer())
  }
  const ids = Array.from({ length: 90 }, (_, row) => String(row).padStart(2, '0'))
  await writeBatch(
    embeddings,
    batchOf([textColumn('id', ids), tensorColumn('embedding', [6], values)]),
  )
  await fit({ sources: [{ path: pictures }], out: pictureModels, seed: 0 }, unattended())
  await fit({ sources: [{ path: embeddings }], out: embeddingModels, seed: 0 }, unattended())
}, 120_000)

/** What `millrace score` says of the source. */
async function scoresOf(path: string, models: string) {
  const out = join(folder, 'scores.parquet')
  await score({ sources: [{ path }], models, out, seed: 0 }, unattended())
  return rowsOf(out)
}

describe('exportOnnx', () => {
  it('writes a model that scores pictures as we do, by the runtime alone', async () => {
    const onnx = join(folder, 'scorer.onnx')
    const { summary, text } = await exportOnnx({ models: pictureModels, onnx })
    expect(summary).toMatchObject({ input: { name: 'pixels', shape: ['rows', side, side, 3] } })
    expect(text).toContain('takes pixels: uint8 [rows, 224, 224, 3], RGB')

    const session = await InferenceSession.create(onnx)
    for (const row of await scoresOf(pictures, pictureModels)) {
      const bytes = await sharp(join(pictures, String(row['id'])))
        .raw()
        .toBuffer()
      const pixels = new Tensor('uint8', new Uint8Array(bytes), [1, side, side, 3])
      const { familiarity, familiarity_percentile } = await session.run({ pixels })
      const [logDensity] = familiarity?.data as Float64Array
      const [percentile] = familiarity_percentile?.data as Float64Array
      expect(Math.abs((logDensity ?? NaN) - Number(row['familiarity']))).toBeLessThan(1e-4)
      expect(Math.abs((percentile ?? NaN) - Number(row['familiarity_percentile']))).toBeLessThan(
        1e-2,
      )
    }
    await session.release()
  }, 60_000)

  it('writes one that takes embeddings where the models know no embedder', async () => {
    const onnx = join(folder, 'of-embeddings.onnx')
    await exportOnnx({ models: embeddingModels, onnx })
    const session = await InferenceSession.create(onnx)
    const { familiarity } = await session.run({ embedding: new Tensor(values, [90, 6]) })
    const got = familiarity?.data as Float64Array
    for (const [i, row] of (await scoresOf(embeddings, embeddingModels)).entries())
      expect(got[i]).toBeCloseTo(Number(row['familiarity']), 6)
    await session.release()
  })

  it.each([
    ['no models', { models: join(folder, 'nothing') }, 'Expected a model folder with `model.json`'],
    [
      'another embedder',
      { models: pictureModels, model: join(folder, 'tiny.onnx') },
      'got those of another; give the same --model',
    ],
    [
      'pooling of what was not pooled',
      { models: pictureModels, pool: 'max' as const },
      'Expected --output and --pool with models that a pipeline saved',
    ],
  ])('refuses %s, and writes nothing', async (_, options, message) => {
    writeFileSync(join(folder, 'tiny.onnx'), tinyModel({ shape: ['N', 4, 4, 3] }))
    const onnx = join(folder, 'refused.onnx')
    await expect(exportOnnx({ ...options, onnx })).rejects.toThrow(message)
    expect(existsSync(onnx)).toBe(false)
  })
})
