import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataError, OptionError, SchemaError } from '../../../src/errors.ts'
import { type OpenModel, openModel } from '../../../src/inference/open-model.ts'
import { pictureModel, type PictureModelOptions } from '../../../src/inference/picture-model.ts'
import { nsfwjsModel } from '../../helpers/nsfwjs.ts'
import { graphFiles, layersFiles, node, toFloat } from '../../helpers/tfjs-models.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-tfjs-'))
})
afterAll(() => rm(folder, { recursive: true }))

const size = { width: 4, height: 4 }

/** y = relu(x + 1), in the node `sum` before it. */
const sum = [node('sum', 'AddV2', 'x', 'one'), node('y', 'Relu', 'sum')]

/** The places of values of at most .5: their number depends on the picture, and the graph is run asynchronously. */
const places = [
  node('mask', 'LessEqual', 'x', 'half'),
  node('where', 'Where', 'mask'),
  toFloat('found', 'where'),
  node('y', 'ExpandDims', 'found', 'zero'),
]

function open(model: string, options: PictureModelOptions = {}): Promise<OpenModel> {
  return openModel(pictureModel({ model, ...options }), size)
}

function picture(value: (at: number) => number) {
  return { ...size, data: Uint8Array.from({ length: 48 }, (_, at) => value(at)) }
}

/** What a model makes of a picture whose bytes count from 0. */
async function made(model: string, options?: PictureModelOptions): Promise<number[][]> {
  const opened = await open(model, options)
  const values = await opened.run(picture((at) => at))
  await opened.close()
  return values.map((value) => Array.from(value))
}

const counted = Array.from({ length: 48 }, (_, at) => at)

describe('openModel of a graph', () => {
  it('gives its output, and nodes inside it, in one pass', async () => {
    const input = { range: [-255, 0] } as const
    const model = await graphFiles(join(folder, 'sum'), sum)
    const before = counted.map((v) => v - 254)
    expect(await made(model, { input })).toEqual([before.map((v) => Math.max(v, 0))])
    expect(await made(model, { input, outputs: ['y', 'sum:0'] })).toEqual([
      before.map((v) => Math.max(v, 0)),
      before,
    ])
  })

  it('takes the names of its signature', async () => {
    const model = await graphFiles(join(folder, 'signature'), sum, {
      signature: { inputs: { image: { name: 'x:0' } }, outputs: { before: { name: 'sum:0' } } },
    })
    const input = { range: [0, 255] } as const
    const expected = [counted.map((v) => v + 1)]
    expect(await made(model, { input })).toEqual(expected)
    expect(await made(model, { input, outputs: 'before' })).toEqual(expected)
  })

  it('is opened by its folder, too', async () => {
    await graphFiles(join(folder, 'by-folder'), sum)
    expect(await made(join(folder, 'by-folder'))).toHaveLength(1)
  })

  it('is fed planes where channels come first, and bytes where it takes integers', async () => {
    const shape = [-1, 3, 4, 4]
    const model = await graphFiles(join(folder, 'planes'), [toFloat('y', 'x')], {
      ...{ shape, type: 'DT_INT32' },
    })
    const planes = [0, 1, 2].flatMap((channel) => counted.filter((_, at) => at % 3 === channel))
    expect(await made(model)).toEqual([planes])
  })

  it('runs where sizes depend on values, and refuses a picture that gives another size', async () => {
    const opened = await open(await graphFiles(join(folder, 'places'), places))
    expect(opened.columns).toEqual([{ name: 'embedding', shape: [48, 4] }])
    expect((await opened.run(picture(() => 0)))[0]).toHaveLength(192)
    await expect(opened.run(picture((at) => at * 5))).rejects.toThrow(
      'column `embedding` of shape [1, 26, 4], for a black picture [1, 48, 4]',
    )
    expect((await opened.run(picture(() => 127)))[0]).toHaveLength(192)
    await opened.close()
  })

  it('names the nodes there are, and refuses constants', async () => {
    const model = await graphFiles(join(folder, 'names'), sum)
    const failing = open(model, { outputs: 'sun' })
    await expect(failing).rejects.toThrow(OptionError)
    await expect(failing).rejects.toThrow(
      /^Expected option `outputs` to name outputs of the model \(y\) or nodes inside it, got `sun`; did you mean `sum`\?$/,
    )
    await expect(open(model, { outputs: ['y', 'one'] })).rejects.toThrow('got `one`')
  })

  it('refuses what has no row for the picture, or is not float32', async () => {
    const model = await graphFiles(join(folder, 'no-row'), places)
    const found = open(model, { outputs: 'found' })
    await expect(found).rejects.toThrow(OptionError)
    await expect(found).rejects.toThrow(
      'Expected the output for column `embedding` to be float32 [1, …], got float32 [48, 4]',
    )
    await expect(open(model, { outputs: 'mask' })).rejects.toThrow('got bool [1, 4, 4, 3]')
  })

  it('says why it does not run on a black picture', async () => {
    const failing = open(await graphFiles(join(folder, 'black'), [node('y', 'Subtly', 'x')]))
    await expect(failing).rejects.toThrow(OptionError)
    await expect(failing).rejects.toThrow(
      "Expected the model to run on a black picture of 4 × 4, got Unknown op 'Subtly'",
    )
  })
})

describe('openModel of layers', () => {
  it('gives its output, and layers inside it, in one pass', async () => {
    const model = await layersFiles(join(folder, 'layers'))
    const input = { range: [-255, 0] } as const
    const means = [0, 1, 2].map((channel) => 22.5 + channel - 255)
    expect(await made(model, { input })).toEqual([[0, 0, 0]])
    expect(await made(model, { input, outputs: { pool: 'a', relu: 'b' } })).toEqual([
      means,
      [0, 0, 0],
    ])
  })

  it('names the layers there are', async () => {
    const failing = open(await layersFiles(join(folder, 'layer-names')), { outputs: 'pol' })
    await expect(failing).rejects.toThrow(OptionError)
    await expect(failing).rejects.toThrow(
      /\(relu\) or layers inside it, got `pol`; did you mean `pool`\?$/,
    )
  })

  it('wants pictures of its size', async () => {
    const model = pictureModel({ model: await nsfwjsModel(folder, 'mobilenet_v2') })
    await expect(openModel(model, size)).rejects.toThrow(SchemaError)
    await expect(openModel(model, size)).rejects.toThrow('of 224 × 224, got pictures of 4 × 4')
  })
})

describe('openModel of a TensorFlow.js model', () => {
  const kinds = [
    { name: 'a graph', files: () => graphFiles(join(folder, 'flat'), sum), outputs: ['y', 'sum'] },
    {
      name: 'a graph that runs asynchronously',
      files: () => graphFiles(join(folder, 'async'), places),
    },
    {
      name: 'layers',
      files: () => layersFiles(join(folder, 'flat-layers')),
      outputs: ['pool', 'relu'],
    },
  ]
  it.each(kinds)('keeps no tensor of 300 pictures, and none when closed: $name', async (kind) => {
    const { files, outputs } = { outputs: undefined, ...kind }
    const before = tf.memory().numTensors
    const opened = await open(await files(), outputs && { outputs })
    const { numTensors, numBytes } = tf.memory()
    for (let at = 0; at < 300; at++)
      await Promise.allSettled([opened.run(picture(() => at % 256)), opened.run(picture(() => 0))])
    expect(tf.memory()).toMatchObject({ numTensors, numBytes })
    await opened.close()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('keeps no tensor of a model that does not fit', async () => {
    const before = tf.memory().numTensors
    await expect(open(await nsfwjsModel(folder, 'mobilenet_v2'))).rejects.toThrow(SchemaError)
    expect(tf.memory().numTensors).toBe(before)
  })

  const damages: readonly { name: string; change: (text: string) => string; error: string }[] = [
    { name: 'no JSON', change: (text) => text.slice(0, 99), error: 'JSON' },
    { name: 'other JSON', change: () => '{"a":1}', error: 'it lacks `modelTopology`' },
    { name: 'null', change: () => 'null', error: 'it lacks `modelTopology`' },
    {
      name: 'weights that are not there',
      change: (text) => text.replace('weights.bin', 'other.bin'),
      error: 'no such file',
    },
    {
      name: 'weights above its folder',
      change: (text) => text.replace('weights.bin', '../outside.bin'),
      error: 'weights outside its folder: `../outside.bin`',
    },
    {
      name: 'weights that are cut',
      change: (text) => text.replace('weights.bin', 'cut.bin'),
      error: 'multiple of 4',
    },
  ]
  it.each(damages)('fails on $name', async ({ name, change, error }) => {
    await writeFile(join(folder, 'outside.bin'), Buffer.alloc(12))
    const model = await graphFiles(join(folder, name), sum)
    await writeFile(join(folder, name, 'cut.bin'), Buffer.alloc(11))
    await writeFile(model, change(await readFile(model, 'utf8')))
    const failing = open(model)
    await expect(failing).rejects.toThrow(DataError)
    await expect(failing).rejects.toMatchObject({ url: model })
    await expect(failing).rejects.toThrow(
      'Expected a TensorFlow.js model, got a file that does not load: ',
    )
    await expect(failing).rejects.toThrow(error)
  })

  it('is asked for by a path that is there, and a backend that suits it', async () => {
    await expect(open(join(folder, 'nothing/model.json'))).rejects.toThrow(OptionError)
    await expect(open(folder)).rejects.toThrow('which cannot be read')
    const model = await graphFiles(join(folder, 'suits'), sum)
    expect(await made(model, { backend: 'wasm' })).toHaveLength(1)
    await expect(open(model, { backend: 'node' })).rejects.toThrow(
      "Expected all TensorFlow.js models of a chain to run on one backend, got 'wasm' and 'node'",
    )
    await expect(openModel(pictureModel({ backend: 'wasm' }), size)).rejects.toThrow(
      "Expected option `backend` with a model for TensorFlow.js only, got 'wasm'",
    )
  })
})
