import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

interface GraphOptions {
  readonly shape?: readonly number[]
  readonly type?: string
  readonly signature?: object
}

interface GraphNode {
  readonly name: string
  readonly op: string
  readonly input?: readonly string[]
  readonly attr?: Readonly<Record<string, unknown>>
}

/** A node that computes float32. */
export function node(name: string, op: string, ...input: readonly string[]): GraphNode {
  return { name, op, input, attr: { T: { type: 'DT_FLOAT' } } }
}

/** A node that casts to float32. */
export function toFloat(name: string, input: string): GraphNode {
  return { name, op: 'Cast', input: [input], attr: { DstT: { type: 'DT_FLOAT' } } }
}

/**
 * Writes a graph for TensorFlow.js of `nodes` behind its input `x` of `shape`, with the constants `one`,
 * `half` and, an integer, `zero`. Returns the path of its `model.json`.
 */
export function graphFiles(
  folder: string,
  nodes: readonly GraphNode[],
  { shape = [-1, 4, 4, 3], type = 'DT_FLOAT', signature }: GraphOptions = {},
): Promise<string> {
  const dim = shape.map((size) => ({ size: String(size) }))
  const x = {
    name: 'x',
    op: 'Placeholder',
    attr: { dtype: { type }, shape: { shape: { dim } } },
  }
  const weights = [
    { name: 'one', shape: [1, 1], dtype: 'float32' },
    { name: 'half', shape: [], dtype: 'float32' },
    { name: 'zero', shape: [], dtype: 'int32' },
  ]
  const used = new Set(nodes.flatMap(({ input = [] }) => input))
  const constants = weights
    .filter(({ name }) => used.has(name))
    .map(({ name }) => ({ name, op: 'Const' }))
  const values = Buffer.concat(
    [Float32Array.of(1, 0.5), Int32Array.of(0)].map((a) => Buffer.from(a.buffer)),
  )
  const topology = { node: [x, ...constants, ...nodes], versions: {} }
  return modelFiles(folder, { modelTopology: topology, signature }, weights, values)
}

/** Writes layers for TensorFlow.js: a mean over places called `pool`, then `half` of it. Has no weights. */
export function layersFiles(folder: string): Promise<string> {
  const layer = (name: string, class_name: string, before: string, config: object = {}) => ({
    ...{ name, class_name, config: { name, ...config } },
    inbound_nodes: [[[before, 0, 0, {}]]],
  })
  const config = { name: 'x', batch_input_shape: [null, 4, 4, 3], dtype: 'float32' }
  const layers = [
    { name: 'x', class_name: 'InputLayer', config, inbound_nodes: [] },
    layer('pool', 'GlobalAveragePooling2D', 'x', { data_format: 'channels_last' }),
    layer('relu', 'Activation', 'pool', { activation: 'relu' }),
  ]
  const ends = { input_layers: [['x', 0, 0]], output_layers: [['relu', 0, 0]] }
  const model = { class_name: 'Model', config: { name: 'tiny', layers, ...ends } }
  const modelTopology = { keras_version: '2.2.4', model_config: model }
  return modelFiles(folder, { modelTopology }, [], Buffer.alloc(0))
}

async function modelFiles(
  folder: string,
  model: object,
  weights: readonly object[],
  values: Uint8Array,
): Promise<string> {
  const weightsManifest = [{ paths: ['weights.bin'], weights }]
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'weights.bin'), values)
  await writeFile(join(folder, 'model.json'), JSON.stringify({ ...model, weightsManifest }))
  return join(folder, 'model.json')
}
