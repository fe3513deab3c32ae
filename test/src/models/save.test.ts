import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataError } from '../../../src/errors.ts'
import { float64Array, type ModelState, requireState } from '../../../src/models/model.ts'
import { loadModel, saveModel } from '../../../src/models/save.ts'

let parent: string
let folder: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-save-'))
  folder = join(parent, 'model')
})
afterEach(() => rm(parent, { recursive: true }))

const state: ModelState = {
  kind: 'thing',
  version: 3,
  rowsSeen: 7,
  parameters: { size: 2, name: 'x', nested: { list: [1, null, true] } },
  arrays: {
    doubles: { shape: [2, 2], values: Float64Array.of(1, -0.1, 1e-300, NaN) },
    floats: { shape: [3], values: Float32Array.of(1.5, Infinity, -2) },
    integers: { shape: [1], values: Int32Array.of(-4) },
    bytes: { shape: [2], values: Uint8Array.of(0, 255) },
    texts: { shape: [2], values: ['ä/b', ''] },
    empty: { shape: [0, 4], values: new Float64Array(0) },
  },
}

describe('saveModel, loadModel', () => {
  it('keeps every array bit for bit, with its type and shape', async () => {
    await saveModel(folder, state)
    expect(await loadModel(folder, 'thing')).toEqual({ ...state, files: {}, origin: folder })
  })

  it('copies the files of the model', async () => {
    const index = join(parent, 'made-elsewhere')
    await writeFile(index, 'index bytes')
    await saveModel(folder, { ...state, files: { 'index.bin': index } })
    const loaded = await loadModel(folder, 'thing')
    expect(loaded.files).toEqual({ 'index.bin': join(folder, 'index.bin') })
    expect(await readFile(join(folder, 'index.bin'), 'utf8')).toBe('index bytes')
  })

  it('replaces a model and leaves nothing else behind', async () => {
    await saveModel(folder, state)
    await saveModel(folder, { ...state, rowsSeen: 8, arrays: {} })
    expect((await loadModel(folder, 'thing')).rowsSeen).toBe(8)
    expect(await readdir(parent)).toEqual(['model'])
    expect(await readdir(folder)).toEqual(['model.json'])
  })

  it('leaves the old model and no temporary folder when it fails', async () => {
    await saveModel(folder, state)
    const wrong = { doubles: { shape: [3], values: new Float64Array(2) } }
    await expect(saveModel(folder, { ...state, arrays: wrong })).rejects.toThrow(
      'Expected 3 values in `doubles`, got 2',
    )
    expect((await loadModel(folder, 'thing')).rowsSeen).toBe(7)
    expect(await readdir(parent)).toEqual(['model'])
  })
})

const damages: readonly {
  readonly name: string
  readonly file: string
  readonly change: (bytes: Buffer) => Buffer | string
  readonly message: string
}[] = [
  {
    name: 'another parameter',
    file: 'model.json',
    change: (b) => b.toString().replace('"size": 2', '"size": 3'),
    message: 'Expected `model.json` as it was saved, got another checksum',
  },
  {
    name: 'another format version',
    file: 'model.json',
    change: (b) => b.toString().replace('"formatVersion": 1', '"formatVersion": 9'),
    message: 'Expected model format version 1, got 9',
  },
  {
    name: 'a cut manifest',
    file: 'model.json',
    change: (b) => b.subarray(0, 40),
    message: 'Expected JSON in `model.json`',
  },
  {
    name: 'other JSON',
    file: 'model.json',
    change: () => 'null',
    message: 'Expected a model in `model.json`, got another kind of JSON',
  },
  {
    name: 'a flipped bit in an array',
    file: 'doubles.arrow',
    change: (b) => Buffer.from(b.map((byte, i) => (i === b.length >> 1 ? byte ^ 1 : byte))),
    message: 'Expected `doubles.arrow` as it was saved, got another checksum',
  },
  {
    name: 'a cut array',
    file: 'floats.arrow',
    change: (b) => b.subarray(0, b.length >> 1),
    message: 'Expected `floats.arrow` as it was saved, got another checksum',
  },
]

describe('loadModel', () => {
  it.each(damages)('refuses $name', async ({ file, change, message }) => {
    await saveModel(folder, state)
    await writeFile(join(folder, file), change(await readFile(join(folder, file))))
    const error: unknown = await loadModel(folder, 'thing').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(DataError)
    expect(error).toMatchObject({ message, url: folder })
  })

  it('refuses a model of another kind, a missing array and a missing folder', async () => {
    await saveModel(folder, state)
    await expect(loadModel(folder, 'other')).rejects.toThrow(
      'Expected a model of kind `other`, got `thing`',
    )
    await rm(join(folder, 'texts.arrow'))
    await expect(loadModel(folder, 'thing')).rejects.toThrow(
      'Expected a model folder with `texts.arrow`',
    )
    await expect(loadModel(join(parent, 'none'), 'thing')).rejects.toBeInstanceOf(DataError)
  })
})

describe('requireState, float64Array', () => {
  it('accept what fits', () => {
    requireState(state, 'thing', 3)
    expect(float64Array(state, 'doubles', [2, null])).toBe(state.arrays['doubles']?.values)
  })

  it.each([
    [
      'kind',
      () => {
        requireState(state, 'other', 3)
      },
      'Expected a model of kind `other`, got `thing`',
    ],
    [
      'version',
      () => {
        requireState(state, 'thing', 4)
      },
      'Expected version 4 of `thing`, got 3',
    ],
    [
      'name',
      () => float64Array(state, 'none', [1]),
      'Expected array `none` of the model, got none',
    ],
    [
      'shape',
      () => float64Array(state, 'doubles', [null, 3]),
      'Expected array `doubles` of shape any×3, got 2×2 with 4 values',
    ],
    [
      'type',
      () => float64Array(state, 'floats', [3]),
      'Expected array `floats` of float64, got another type',
    ],
  ])('refuse another %s', (_, call, message) => {
    expect(call).toThrow(new DataError(message, { url: 'memory' }))
  })
})
