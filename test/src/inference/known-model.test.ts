import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { knownDescription } from '../../../src/inference/known-model.ts'
import { openModel } from '../../../src/inference/open-model.ts'
import {
  bundledModel,
  modelColumns,
  pictureModel,
  type PictureModelOptions,
} from '../../../src/inference/picture-model.ts'
import { WorkerThread } from '../../../src/worker.ts'

const size = { width: 224, height: 224 }

let folder: string
let copy: string
let damaged: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-known-'))
  copy = join(folder, 'copy.onnx')
  damaged = join(folder, 'damaged.onnx')
  const bytes = await readFile(bundledModel)
  await writeFile(copy, bytes)
  bytes.fill(0, 0, 64)
  await writeFile(damaged, bytes)
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

describe('knownDescription', () => {
  it('says of the bundled model what it says itself', async () => {
    const model = pictureModel({})
    const { columns, warning, close } = await openModel(model, size)
    await close()
    expect(await knownDescription(model, size)).toEqual({ columns, warning })
  })

  const unknown: readonly (PictureModelOptions & { name: string; size?: typeof size })[] = [
    { name: 'pictures of another size', size: { width: 224, height: 225 } },
    { name: 'another output', outputs: 'b15' },
    { name: 'another layout', input: { layout: 'nchw' } },
    { name: 'a backend', backend: 'wasm' },
  ]
  for (const { name, size: asked = size, ...options } of unknown)
    it(`knows nothing of ${name}`, async () => {
      expect(await knownDescription(pictureModel(options), asked)).toBeUndefined()
    })

  it('knows nothing of pictures that vary in size', async () => {
    expect(await knownDescription(pictureModel({}), undefined)).toBeUndefined()
  })
})

describe('modelColumns', () => {
  it('starts no thread for the bundled model, wherever it lies', async () => {
    const call = vi.spyOn(WorkerThread.prototype, 'call')
    const columns = await modelColumns(pictureModel({ model: copy }), size)
    expect(columns).toEqual([{ name: 'embedding', shape: [1792] }])
    expect(call).not.toHaveBeenCalled()
  })

  it('refuses a file of that length with other bytes', async () => {
    await expect(modelColumns(pictureModel({ model: damaged }), size)).rejects.toThrow(
      'Expected an ONNX model, got a file that does not load',
    )
  })
})
