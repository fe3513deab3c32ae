import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { beforeAll, describe, expect, it } from 'vitest'
import { joinedModel } from '../../../src/export/joined-model.ts'
import { embeddingScorer, pictureScorer } from '../../../src/export/scorer.ts'
import type { ScorerModels } from '../../../src/export/scorer-graph.ts'
import { type ElementType, OnnxGraph } from '../../../src/kernels/onnx-graph.ts'
import { integer, lengthDelimited, text } from '../../../src/kernels/protobuf.ts'
import { GaussianMixture } from '../../../src/models/gaussian-mixture.ts'
import type { Matrix } from '../../../src/models/model.ts'
import { Pca } from '../../../src/models/pca.ts'
import { percentileOf } from '../../../src/models/quantiles.ts'
import { tinyModel } from '../../helpers/tiny-model.ts'

const side = 4
const size = { width: side, height: side }
const channels = 3

/** Bytes of pictures that are all different, height × width × channels. */
function pictures(count: number): Uint8Array {
  const length = count * side * side * channels
  return Uint8Array.from({ length }, (_, i) => 128 + 127 * Math.sin(i * i * 0.37 + i))
}

/** Runs a model with the runtime alone. */
async function ran(model: Uint8Array, input: Tensor): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(model, { logSeverityLevel: 4 })
  const outputs = await session.run({ [session.inputNames[0] ?? '']: input })
  await session.release()
  return outputs
}

interface Fitted {
  readonly pca: Pca
  readonly mixture: GaussianMixture
  readonly models: ScorerModels
}

/** A PCA and a mixture of the rows. */
async function fitted(rows: Matrix, covariance: 'diagonal' | 'full'): Promise<Fitted> {
  const pca = new Pca({ components: 2, whiten: covariance === 'full' })
  pca.begin()
  await pca.learn(rows)
  await pca.end()
  const mixture = new GaussianMixture({ components: 3, covariance })
  do {
    await mixture.begin()
    await mixture.learn(await pca.apply(rows))
  } while (await mixture.end())
  return { pca, mixture, models: { pca: pca.projection(), mixture: await mixture.scoring() } }
}

/** Expects of `outputs` what the models say of `rows`. */
async function expectScores(
  outputs: Record<string, Tensor>,
  { pca, mixture }: Fitted,
  rows: Matrix,
): Promise<void> {
  const scores = await pca.apply(rows)
  const { logDensity, percentile } = await mixture.apply(scores)
  const expected = {
    pca: scores.values,
    familiarity: logDensity,
    familiarity_percentile: percentile,
  }
  for (const [name, values] of Object.entries(expected)) {
    const got = outputs[name]?.data as Float64Array
    expect(got).toHaveLength(values.length)
    const differences = Array.from(values, (value, i) => Math.abs(value - (got[i] ?? NaN)))
    expect(Math.max(...differences), name).toBeLessThan(1e-6)
  }
}

const kinds = ['diagonal', 'full'] as const

describe('embeddingScorer', () => {
  it.each(kinds)('scores embeddings as the models do (%s)', async (covariance) => {
    const values = Float32Array.from({ length: 60 * 5 }, (_, i) => Math.sin(i * i + i))
    const rows = { rows: 60, columns: 5, values }
    const models = await fitted(rows, covariance)
    const { model } = embeddingScorer(models.models)
    await expectScores(await ran(model, new Tensor(values, [60, 5])), models, rows)
  })

  it('gives the percentiles of densities at, between and beside quantiles of which some are equal', async () => {
    const mixture = GaussianMixture.fromParameters({
      covariance: 'diagonal',
      weights: Float64Array.of(1, 0),
      means: Float64Array.of(0, 1),
      covariances: Float64Array.of(1, 1),
    })
    const values = Float32Array.of(3, 2, 2, 2, 1.5, 0.5, 0, 0, 4, 1, 0.1)
    const { covariance, densities } = await mixture.scoring()
    const pca = { mean: Float64Array.of(0), turn: Float64Array.of(1) }
    async function scores(quantiles: Float64Array): Promise<Record<string, Tensor>> {
      const models = { pca, mixture: { covariance, densities, quantiles } }
      return ran(embeddingScorer(models).model, new Tensor(values, [values.length, 1]))
    }
    const without = await scores(new Float64Array(0))
    expect(Object.keys(without)).toEqual(['familiarity', 'pca'])
    const densitiesThere = without['familiarity']?.data as Float64Array
    const quantiles = densitiesThere.slice(0, 8)
    const { familiarity_percentile: percentile } = await scores(quantiles)
    const expected = Array.from(densitiesThere, (value) => percentileOf(quantiles, value))
    const got = Array.from(percentile?.data as Float64Array)
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i] ?? NaN, 9)
    })
  })
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scorer-'))
})

async function modelFile(name: string, bytes: Uint8Array): Promise<string> {
  const file = join(folder, `${name}.onnx`)
  await writeFile(file, bytes)
  return file
}

/** A model whose feature map are the pixels of its input, as float32. */
function pixelModel(
  type: ElementType,
  shape: readonly (number | string)[],
  input = 'x',
): Uint8Array {
  const graph = new OnnxGraph()
  const x = graph.input(input, type, shape)
  graph.output('embedding', 'float32', graph.node('Cast', [x], { to: 1 }), shape)
  return graph.model()
}

/** What the pixel model makes of `bytes`, with its channels last or first, pooled. */
function pooled(
  bytes: Uint8Array,
  scale: number,
  join: (values: readonly number[]) => number,
): Matrix {
  const rows = bytes.length / (side * side * channels)
  const values = Float32Array.from({ length: rows * channels }, (_, at) => {
    const [row, channel] = [Math.floor(at / channels), at % channels]
    const places = Array.from({ length: side * side }, (_, place) =>
      Math.fround((bytes[(row * side * side + place) * channels + channel] ?? NaN) / scale),
    )
    return join(places)
  })
  return { rows, columns: channels, values }
}

const poolings = {
  average: (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length,
  max: (values: readonly number[]) => Math.max(...values),
  sum: (values: readonly number[]) => values.reduce((a, b) => a + b, 0),
}

describe('pictureScorer', () => {
  const last = ['N', side, side, channels]
  const first = ['N', channels, side, side]
  it.each([
    ['channels last', 'float32', last, 'average', 'diagonal'],
    ['channels first', 'float32', first, 'max', 'full'],
    ['bytes', 'uint8', last, 'sum', 'diagonal'],
    ['bytes, channels first', 'uint8', first, 'average', 'full'],
  ] as const)('joins a model of %s', async (name, type, shape, pool, covariance) => {
    const bytes = pictures(30)
    const rows = pooled(bytes, type === 'uint8' ? 1 : 255, poolings[pool])
    const models = await fitted(rows, covariance)
    const file = await modelFile(name, pixelModel(type, shape))
    const { model, input } = await pictureScorer({ model: file, pool, size }, models.models)
    expect(input).toMatchObject({ name: 'pixels', shape: ['rows', side, side, channels] })
    const outputs = await ran(model, new Tensor('uint8', bytes, [30, side, side, channels]))
    await expectScores(outputs, models, rows)
  })

  it('keeps a batch of one, takes a value of the name `embedding` as it is, and steps aside for `pixels`', async () => {
    const bytes = pictures(20)
    const columns = side * side * channels
    const values = Float32Array.from(bytes, (byte) => byte / 255)
    const models = await fitted({ rows: 20, columns, values }, 'diagonal')
    const shape = [1, side, side, channels]
    const file = await modelFile('single', pixelModel('float32', shape, 'pixels'))
    const { model, input } = await pictureScorer({ model: file, size }, models.models)
    expect(input).toMatchObject({ name: 'rgb_pixels', shape })
    const outputs = await ran(model, new Tensor('uint8', bytes.slice(-columns), shape))
    expect(outputs['embedding']?.data).toEqual(values.slice(-columns))
    await expectScores(outputs, models, { rows: 1, columns, values: values.slice(-columns) })
  })

  it('says what does not fit', async () => {
    const { models } = await fitted(pooled(pictures(20), 255, poolings.average), 'diagonal')
    const file = await modelFile('wide', tinyModel({ shape: last }))
    await expect(pictureScorer({ model: file, size }, models)).rejects.toThrow(
      'Expected embeddings of 3 values, as the PCA was fitted to, got [4, 4, 3] from the model',
    )
  })
})

describe('joinedModel', () => {
  const external = lengthDelimited(5, [text(8, 'weights'), integer(14, 1)])
  const pca = lengthDelimited(1, [text(2, 'pca'), text(4, 'Identity')])
  it.each([
    ['Expected an ONNX model', Buffer.from('no model')],
    ['Expected a model of opset 10 or later, got 7', opset(7)],
    ['Expected a model with its weights in one file', withGraphField(external)],
    ['Expected a model without a value called `pca`', withGraphField(pca)],
  ])('says: %s', (message, bytes) => {
    const [before, after] = [new OnnxGraph('a'), new OnnxGraph('b')]
    const around = { input: 'x', before, after, made: ['pca'], metadata: {} }
    expect(() => joinedModel(bytes, 'x.onnx', around)).toThrow(
      expect.objectContaining({
        code: 'DATA',
        message: expect.stringContaining(message) as string,
      }),
    )
  })
})

/** The tiny model, said to be of another opset: a later field of that kind counts. */
function opset(version: number): Uint8Array {
  const model = tinyModel({ shape: ['N', side, side, channels] })
  const field = lengthDelimited(8, [text(1, ''), integer(2, 17)])
  const at = Buffer.from(model).lastIndexOf(field)
  const other = lengthDelimited(8, [text(1, ''), integer(2, version)])
  return Buffer.concat([model.subarray(0, at), other, model.subarray(at + field.length)])
}

/** The tiny model with one more field in its graph, which the runtime need not understand. */
function withGraphField(field: Uint8Array): Uint8Array {
  return Buffer.concat([
    tinyModel({ shape: ['N', side, side, channels] }),
    lengthDelimited(7, [field]),
  ])
}
