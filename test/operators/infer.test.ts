import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decode } from '../../operators/decode.ts'
import { infer, type InferOptions } from '../../operators/infer.ts'
import { resize } from '../../operators/resize.ts'
import { column } from '../../src/batch/batch.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { externalDataFiles } from '../../src/inference/external-data.ts'
import { bundledModel, modelHash } from '../../src/inference/picture-model.ts'
import { tensorShape, tensorValues } from '../../src/batch/tensor.ts'
import { gather, noise, pictureBatches, plain, values } from '../helpers/pictures.ts'
import { embeddingNode, nsfwjsModel } from '../helpers/nsfwjs.ts'
import { graphFiles, node } from '../helpers/tfjs-models.ts'
import { integerModel, placesModel, tinyModel, whiteRefusingModel } from '../helpers/tiny-model.ts'

const inner =
  'StatefulPartitionedCall/sequential/keras_layer/StatefulPartitionedCall/StatefulPartitionedCall/StatefulPartitionedCall/predict/MobilenetV2/expanded_conv_15/add'

let folder: string
let images: Record<string, Uint8Array>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'infer-'))
  images = {}
  for (let i = 0; i < 5; i++)
    images[`p${String(i)}`] = await noise(200 + i, 180, i)
      .jpeg()
      .toBuffer()
})
afterAll(() => rm(folder, { recursive: true }))

function chain(options: InferOptions = {}, { size = 224, rows = 64 } = {}) {
  return flowOf(pictureBatches(images, rows)).pipe(
    decode(),
    resize({ width: size, height: size }),
    infer(options),
  )
}

/** The values of a column, row by row. */
async function vectors(flow: ReturnType<typeof chain>, name = 'embedding', threads = 2) {
  const { batches } = await gather(flow, { columns: [], threads })
  return batches.map((batch) => {
    const field = batch.schema.fields.find((f) => f.name === name)
    return { shape: field && tensorShape(field), values: tensorValues(column(batch, name)) }
  })
}

/** The pixels that decode and resize make. */
async function squeezed(image: Uint8Array, side: number): Promise<Buffer> {
  const { data, info } = await sharp(image).raw().toBuffer({ resolveWithObject: true })
  const { width, height } = info
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: side, height: side, fit: 'fill' })
    .raw()
    .toBuffer()
}

async function saved(name: string, bytes: Uint8Array): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, bytes)
  return file
}

describe('infer', () => {
  it('gives what the runtime gives for the same pixels', async () => {
    const session = await InferenceSession.create(bundledModel, { intraOpNumThreads: 1 })
    const direct: number[] = []
    for (const image of Object.values(images)) {
      const pixels = await squeezed(image, 224)
      const input = new Tensor(
        Float32Array.from(pixels, (v) => v / 255),
        [1, 224, 224, 3],
      )
      direct.push(...((await session.run({ image: input })).emb?.data as Float32Array))
    }
    const [batch] = await vectors(chain())
    expect(batch?.shape).toEqual([1792])
    const worst = Math.max(...direct.map((v, i) => Math.abs(v - (batch?.values[i] ?? NaN))))
    expect(worst).toBeLessThan(1e-6)
    await session.release()
  })

  it('gives the same bits whatever the batches and threads', async () => {
    const bits = async (rows: number, threads: number) => {
      const all = await vectors(chain({}, { rows }), 'embedding', threads)
      return createHash('sha256')
        .update(Buffer.concat(all.map(({ values: v }) => Buffer.from(v.slice().buffer))))
        .digest('hex')
    }
    expect(await bits(1, 2)).toBe(await bits(5, 1))
  })

  it('takes named outputs and tensors from inside the graph', async () => {
    const flow = chain({ outputs: { b15: 'small', [inner]: 'map' } })
    expect((await vectors(flow, 'small'))[0]?.shape).toEqual([224])
    const [map] = await vectors(flow, 'map')
    expect(map?.shape).toEqual([224, 7, 7])
    // b15 is the mean of that tensor over its places.
    const [small] = await vectors(flow, 'small')
    const mean = (map?.values.subarray(0, 49).reduce((sum, v) => sum + v, 0) ?? NaN) / 49
    expect(mean).toBeCloseTo(small?.values[0] ?? NaN, 4)
  })

  it('feeds pictures as declared: layout, range, mean and std', async () => {
    const session = { nhwc: [1, 4, 4, 3], nchw: [1, 3, 4, 4] } as const
    for (const layout of ['nhwc', 'nchw'] as const) {
      const model = await saved(
        `${layout}.onnx`,
        tinyModel({ shape: ['N', ...session[layout].slice(1)] }),
      )
      const options = {
        model,
        input: { range: [-1, 1], mean: [0.5, 0, 0], std: [2, 1, 4] },
      } as const
      const [out] = await vectors(chain(options, { size: 4 }))
      const [first] = Object.values(images)
      const pixels = await squeezed(first as Uint8Array, 4)
      const fed = Array.from(
        pixels,
        (v, i) => (-1 + (2 * v) / 255 - ([0.5, 0, 0][i % 3] ?? 0)) / ([2, 1, 4][i % 3] ?? 1),
      )
      const expected =
        layout === 'nhwc' ? fed : [0, 1, 2].flatMap((c) => fed.filter((_, i) => i % 3 === c))
      expect(out?.shape).toEqual(session[layout].slice(1))
      expected.forEach((v, i) => {
        expect(out?.values[i]).toBeCloseTo(v, 5)
      })
    }
  })

  it.each(['uint8', 'int32'] as const)('feeds %s models bytes, in planes too', async (type) => {
    const [first] = Object.values(images)
    const pixels = [...(await squeezed(first as Uint8Array, 4))]
    const planes = [0, 1, 2].flatMap((c) => pixels.filter((_, i) => i % 3 === c))
    for (const [shape, expected] of [
      [[1, 4, 4, 3], pixels],
      [[1, 3, 4, 4], planes],
    ] as const) {
      const model = await saved(`${type}-${String(shape[1])}.onnx`, integerModel(shape, type))
      const [out] = await vectors(chain({ model }, { size: 4 }))
      expect(Array.from(out?.values.subarray(0, 48) ?? [])).toEqual(expected)
    }
  })

  it('gives the same embedding by TensorFlow.js as by the bundled model, which has the same weights', async () => {
    const model = await nsfwjsModel(folder, 'mobilenet_v2_mid')
    const outputs = { [embeddingNode]: 'embedding', [inner]: 'map' }
    const columns = ['embedding', 'map']
    const flow = chain({ model, backend: 'wasm', outputs })
    const { batches } = await gather(flow, { columns, threads: 1 })
    const [bundled] = await vectors(chain())
    const found = batches.flatMap((b) => [...tensorValues(column(b, 'embedding'))])
    expect(found).toHaveLength(5 * 1792)
    expect(
      Math.max(...found.map((v, i) => Math.abs(v - (bundled?.values[i] ?? NaN)))),
    ).toBeLessThan(1e-3)
    expect(batches[0]?.schema.fields.map((f) => f.name)).toContain('map')
  })

  it('runs layers of TensorFlow.js, each of several a column', async () => {
    const model = await nsfwjsModel(folder, 'mobilenet_v2')
    const flow = chain({ model, outputs: ['dense_3', 'flatten_1'] })
    const { batches } = await gather(flow, { columns: [], threads: 1 })
    const [batch] = batches
    const shapes = batch?.schema.fields.slice(-2).map((f) => [f.name, tensorShape(f)])
    expect(shapes).toEqual([
      ['dense_3', [5]],
      ['flatten_1', [1280]],
    ])
    // It ends in a softmax over five classes.
    const sum = tensorValues(column(batch as NonNullable<typeof batch>, 'dense_3'))
    expect(sum.subarray(0, 5).reduce((a, b) => a + b)).toBeCloseTo(1, 5)
  })

  it('gives the same bits by TensorFlow.js whatever the batches and threads', async () => {
    const nodes = [node('sum', 'AddV2', 'x', 'one'), node('y', 'Sqrt', 'sum')]
    const model = await graphFiles(join(folder, 'graph'), nodes)
    const bits = async (rows: number, threads: number) => {
      const all = await vectors(chain({ model }, { size: 4, rows }), 'embedding', threads)
      return all.flatMap(({ values: v }) => [...v])
    }
    const one = await bits(1, 2)
    expect(one).toHaveLength(5 * 48)
    expect(await bits(5, 1)).toEqual(one)
  })

  it('takes a model for pictures of any size, once they have one', async () => {
    const model = await saved('any.onnx', tinyModel({ shape: ['N', 'H', 'W', 3] }))
    expect((await vectors(chain({ model }, { size: 5 })))[0]?.shape).toEqual([5, 5, 3])
  })

  it('asks for resize before any picture is read', async () => {
    const flow = flowOf(pictureBatches(images)).pipe(decode(), infer())
    await expect(gather(flow)).rejects.toThrow(SchemaError)
    await expect(gather(flow)).rejects.toThrow(
      'Expected column `pixels` for infer to be pictures of 224 × 224, got pictures of varying size; add resize({ width: 224, height: 224 }) before it',
    )
    await expect(gather(chain({}, { size: 32 }))).rejects.toThrow(
      'of 224 × 224, got pictures of 32 × 32',
    )
  })

  it('fails on a file that is no model', async () => {
    const whole = await readFile(bundledModel)
    for (const [name, bytes] of [
      ['cut.onnx', whole.subarray(0, 2_000_000)],
      ['text.onnx', Buffer.from('hello')],
      ['empty.onnx', Buffer.alloc(0)],
    ] as const) {
      const model = await saved(name, bytes)
      const failing = gather(chain({ model }))
      await expect(failing).rejects.toThrow(DataError)
      await expect(failing).rejects.toMatchObject({ url: model })
      await expect(failing).rejects.toThrow(
        'Expected an ONNX model, got a file that does not load: ',
      )
    }
    const missing = gather(chain({ model: join(folder, 'none.onnx') }))
    await expect(missing).rejects.toThrow(OptionError)
  })

  const misfits = [
    { name: 'two dimensions', model: { shape: ['N', 12] }, error: '`x` float32 [N, 12]' },
    { name: 'a fixed batch', model: { shape: [8, 4, 4, 3] }, error: '`x` float32 [8, 4, 4, 3]' },
    { name: 'one channel', model: { shape: ['N', 4, 4, 1] }, error: '`x` float32 [N, 4, 4, 1]' },
    {
      name: 'doubles',
      model: { shape: ['N', 4, 4, 3], type: 'float64' },
      error: '`x` float64 [N, 4, 4, 3]',
    },
  ] as const
  it.each(misfits)('says what a model with $name wants', async ({ name, model, error }) => {
    const file = await saved(`${name}.onnx`, tinyModel(model))
    const failing = gather(chain({ model: file }, { size: 4 }))
    await expect(failing).rejects.toThrow(OptionError)
    await expect(failing).rejects.toThrow(`got ${error}`)
  })

  it('names the outputs there are', async () => {
    const failing = gather(chain({ outputs: 'emd' }))
    await expect(failing).rejects.toThrow(OptionError)
    await expect(failing).rejects.toThrow(
      'Expected option `outputs` to name outputs of the model (emb, b15) or tensors inside it, got `emd`; did you mean `emb`?',
    )
  })

  it('rejects a picture for which the model gives no numbers', async () => {
    const model = await saved('nan.onnx', tinyModel({ shape: ['N', 4, 4, 3], operator: 'Log' }))
    const flow = chain({ model, input: { range: [-1, 0] }, onError: 'reject' }, { size: 4 })
    const { batches, rejects } = await gather(flow)
    expect(batches).toEqual([])
    expect(rejects).toHaveLength(5)
    expect(rejects[0]).toMatchObject({ id: 'p0', operator: 'infer', code: 'MODEL' })
  })

  it('rejects a picture at which the run of the model fails, and no other', async () => {
    const model = await saved('white.onnx', whiteRefusingModel(['N', 3, 4, 4]))
    const white = await plain(4, 4, [255, 255, 255]).png().toBuffer()
    const rows = pictureBatches({ ...images, white, last: images['p0'] ?? null })
    const flow = flowOf(rows).pipe(decode(), resize({ width: 4, height: 4 }))
    const { batches, rejects } = await gather(flow.pipe(infer({ model, onError: 'reject' })))
    expect(values(batches, 'id')).toEqual(['p0', 'p1', 'p2', 'p3', 'p4', 'last'])
    expect(rejects.map(({ message, ...reject }) => [reject, message])).toEqual([
      [
        { id: 'white', operator: 'infer', code: 'MODEL', attempt: 1 },
        expect.stringMatching(/^Expected the model to run, got .*Gather/),
      ],
    ])
    await expect(gather(flow.pipe(infer({ model })))).rejects.toThrow(
      /^Expected the model to run, .*\(infer of `white`\)/s,
    )
  })

  it('rejects a picture for which the shape is another, and leaves the others whole', async () => {
    const model = await saved('places.onnx', placesModel(['N', 4, 4, 3]))
    const [black, white] = [
      [0, 0, 0],
      [255, 255, 255],
    ].map((c) => plain(4, 4, c).png().toBuffer())
    const rows = { a: (await black) ?? null, b: (await white) ?? null, c: (await black) ?? null }
    const flow = flowOf(pictureBatches(rows)).pipe(decode(), resize({ width: 4, height: 4 }))
    const { batches, rejects } = await gather(flow.pipe(infer({ model, onError: 'reject' })))
    expect(rejects).toEqual([
      {
        ...{ id: 'b', operator: 'infer', code: 'MODEL', attempt: 1 },
        message:
          'Expected the model to run, got column `embedding` of shape [1, 4, 0], for a black picture [1, 4, 48]',
      },
    ])
    const [batch] = batches
    const places = tensorValues(column(batch as NonNullable<typeof batch>, 'embedding'))
    expect(places).toHaveLength(2 * 4 * 48)
    expect(places.slice(192)).toEqual(places.slice(0, 192))
    // Channels of the first places, the last of the four rows of indices.
    expect([...places.slice(144, 150)]).toEqual([0, 1, 2, 0, 1, 2])
  })

  it('refuses bad options at the call', () => {
    expect(() => infer({ backend: 'wsm' as never })).toThrow(
      "Expected option `backend` to be one of 'node-gpu', 'node', 'wasm', got `wsm` (string); did you mean `wasm`?",
    )
    for (const outputs of [['b15', 'b15'], { emb: 'embedding', b15: 'embedding' }])
      expect(() => infer({ outputs })).toThrow(
        /^Expected option `outputs` to give each output a column of its own, got `(b15|embedding)` twice$/,
      )
    for (const outputs of [[], [1], 1, null, ''])
      expect(() => infer({ outputs: outputs as never })).toThrow(OptionError)
    expect(() => infer({ modle: 'x' } as never)).toThrow('got `modle`; did you mean `model`?')
    expect(() => infer({ input: { std: [0, 1, 1] } })).toThrow(OptionError)
    expect(() => infer({ input: { layout: 'hwc' as never } })).toThrow(OptionError)
    expect(() => infer({ outputs: {} })).toThrow(OptionError)
  })
})

describe('modelHash', () => {
  it('changes with the file and with what is fed to it', async () => {
    const file = await saved('copy.onnx', await readFile(bundledModel))
    const hash = await modelHash()
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(await modelHash({ model: file })).toBe(hash)
    expect(await modelHash({ input: { range: [-1, 1] } })).not.toBe(hash)
    expect(await modelHash({ outputs: 'b15' })).not.toBe(hash)
    expect(
      await modelHash({ model: await saved('other.onnx', tinyModel({ shape: ['N', 4, 4, 3] })) }),
    ).not.toBe(hash)
  })

  it('changes with the files beside the model that its tensors are in', async () => {
    // As `onnx.save_model(…, save_as_external_data=True)` writes it: TensorProto.external_data is field 13.
    const long = `${'w'.repeat(150)}.bin`
    const location = (name: string, length: number[]) =>
      Buffer.from([0x0a, 8, ...Buffer.from('location'), 0x12, ...length, ...Buffer.from(name)])
    const external = [
      location('weights.bin', [11]),
      location(long, [0x9a, 0x01]),
      location('../outside.bin', [14]),
    ]
    const model = await saved(
      'external.onnx',
      Buffer.concat(external.flatMap((entry) => [Buffer.from([0x6a, entry.length]), entry])),
    )
    expect(externalDataFiles(await readFile(model))).toEqual([
      '../outside.bin',
      'weights.bin',
      long,
    ])
    const hashes = new Set([await modelHash({ model })])
    for (const name of ['weights.bin', long])
      for (const weights of ['1', '2']) {
        await saved(name, Buffer.from(weights))
        hashes.add(await modelHash({ model }))
      }
    expect(hashes.size).toBe(5)
  })
})

describe('modelHash of a model for TensorFlow.js', () => {
  it('changes with its weights, and not with what runs it', async () => {
    const model = await graphFiles(join(folder, 'hashed'), [node('y', 'AddV2', 'x', 'one')])
    const hash = await modelHash({ model })
    expect(await modelHash({ model, backend: 'wasm' })).toBe(hash)
    expect(await modelHash({ model: join(folder, 'hashed') })).toBe(hash)
    await writeFile(join(folder, 'hashed', 'weights.bin'), Buffer.alloc(12))
    expect(await modelHash({ model })).not.toBe(hash)
  })
})

describe('bundledModel', () => {
  it('is the file that assets/README.md speaks of', async () => {
    const hash = createHash('sha256')
      .update(await readFile(bundledModel))
      .digest('hex')
    expect(await readFile('assets/README.md', 'utf8')).toContain(hash)
  })
})
