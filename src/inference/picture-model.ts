import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OptionError } from '../errors.ts'
import { columnList, knownOptions, nonEmptyString, numbers, oneOf } from '../options.ts'
import { pathInside } from '../path-inside.ts'
import type { PictureSize } from '../pictures/pixels.ts'
import { WorkerThread } from '../worker.ts'
import { externalDataFiles } from './external-data.ts'
import { knownDescription } from './known-model.ts'
import type { PictureModel } from './loaded-model.ts'
import { modelFiles } from './model-files.ts'
import type { ModelDescription, ModelMethods } from './model-worker.ts'
import type { ModelColumn, PictureInputs } from './open-model.ts'
import { type Backend, backendNames } from './tfjs-backend.ts'

/** Which model, how pictures are fed to it, and what is taken from it. */
export interface PictureModelOptions {
  /**
   * Path of a model with one input of pictures, in batches of any number or of one: an .onnx file; a
   * `model.json` for TensorFlow.js (a graph or layers), or its folder; the folder of a SavedModel.
   *
   * @default the bundled MobileNetV2, see `assets/README.md`
   */
  readonly model?: string
  /**
   * What runs a model for TensorFlow.js: the package `@tensorflow/tfjs-node-gpu`, `@tensorflow/tfjs-node`
   * or `@tensorflow/tfjs-backend-wasm`. A SavedModel needs one of the first two.
   *
   * @default the first of these that is installed and loads; `millrace doctor` lists them
   */
  readonly backend?: Backend
  /** How pictures are fed to it. */
  readonly input?: PictureInput
  /**
   * What is taken from it, by name: an output, or what is inside, a tensor of an .onnx file, a node of a
   * graph or a layer. One name becomes the column `embedding`, a list of names columns of these names, an
   * object of names the columns that it says.
   *
   * @default the first output
   */
  readonly outputs?: string | readonly string[] | Readonly<Record<string, string>>
}

/**
 * How pictures are fed to a model: (low + (high − low) · byte / 255 − mean) / std. One of integers is fed the
 * bytes.
 */
export interface PictureInput {
  /**
   * Order of the dimensions: height, width, channels or channels, height, width.
   *
   * @default as the model's shape says
   */
  readonly layout?: 'nhwc' | 'nchw'
  /**
   * What black and white become.
   *
   * @default [0, 1]
   */
  readonly range?: readonly [number, number]
  /**
   * For red, green and blue.
   *
   * @default [0, 0, 0]
   */
  readonly mean?: readonly [number, number, number]
  /**
   * For red, green and blue; above 0.
   *
   * @default [1, 1, 1]
   */
  readonly std?: readonly [number, number, number]
}

/** Path of the model that comes with the package, see `assets/README.md`. */
export const bundledModel = fileURLToPath(
  new URL(
    `${import.meta.url.endsWith('.ts') ? '../..' : '../../..'}/assets/mobilenet-v2-140.onnx`,
    import.meta.url,
  ),
)

/** Checks `options`. Throws {@link OptionError}. */
export function pictureModel(options: PictureModelOptions): PictureModel {
  const { input = {}, backend } = options
  knownOptions('option `input`', input, ['layout', 'range', 'mean', 'std'])
  return {
    file: nonEmptyString('model', options.model ?? bundledModel),
    backend: backend && oneOf('backend', backend, backendNames),
    layout: input.layout && oneOf('input.layout', input.layout, ['nhwc', 'nchw']),
    range: numbers('input.range', input.range ?? [0, 1], 2) as [number, number],
    mean: numbers('input.mean', input.mean ?? [0, 0, 0], 3),
    std: numbers('input.std', input.std ?? [1, 1, 1], 3, Number.MIN_VALUE),
    outputs: options.outputs === undefined ? undefined : columnsOf(options.outputs),
  }
}

/** Names of outputs with their columns. */
function columnsOf(outputs: unknown): Readonly<Record<string, string>> {
  const pairs = pairsOf(outputs)
  const columns = columnList(
    'outputs',
    pairs.map(([, column]) => column),
  )
  const twice = columns.find((column, at) => columns.indexOf(column) < at)
  if (twice === undefined) return Object.fromEntries(pairs) as Record<string, string>
  throw new OptionError(
    `Expected option \`outputs\` to give each output a column of its own, got \`${twice}\` twice`,
  )
}

function pairsOf(outputs: unknown): readonly (readonly [name: unknown, column: unknown])[] {
  if (Array.isArray(outputs)) return outputs.map((name: unknown) => [name, name])
  if (typeof outputs === 'object' && outputs !== null) return Object.entries(outputs)
  return [[nonEmptyString('outputs', outputs), 'embedding']]
}

const described = new Map<string, Promise<ModelDescription>>()
const warned = new Set<string>()

/**
 * The columns that `model` makes of pictures of `size`. Loads the model in a thread and runs it
 * once, so what it says is so, except where the answer is known; it is kept while the files do not change.
 * A backend that is installed and does not load is a warning of the process, once, with the code
 * `MILLRACE_BACKEND`.
 *
 * @throws {OptionError} if there is no such file, input or output
 * @throws {SchemaError} if the pictures have another size than it wants, or no common one
 * @throws {DataError} if the file is no model
 * @throws {ConnectorError} if nothing that runs it is installed and loads
 */
export async function modelColumns(
  model: PictureModel,
  size: PictureSize | undefined,
): Promise<readonly ModelColumn[]> {
  const { files } = await modelFiles(model.file)
  const stats = await Promise.all(files.map((file) => stat(file)))
  const key = JSON.stringify([model, size, stats.map(({ mtimeMs, size }) => [mtimeMs, size])])
  let description = described.get(key)
  if (!description) {
    description = describe(model, size)
    described.set(key, description)
    description.catch(() => described.delete(key))
  }
  const { columns, warning } = await description
  if (warning !== undefined && !warned.has(warning)) {
    warned.add(warning)
    process.emitWarning(warning, { code: 'MILLRACE_BACKEND' })
  }
  return columns
}

async function describe(
  model: PictureModel,
  size: PictureSize | undefined,
): Promise<ModelDescription> {
  const known = await knownDescription(model, size)
  return known ?? inThread((thread) => thread.call('describe', { model, size }))
}

/**
 * The size of pictures that a model wants; undefined if it takes any.
 *
 * @throws {OptionError} if there is no such file, or the model is not one for pictures
 * @throws {DataError} if the file is no model
 * @throws {ConnectorError} if nothing that runs it is installed and loads
 */
export async function modelSize(options: PictureModelOptions): Promise<PictureSize | undefined> {
  return (await modelInputs(pictureModel(options))).size
}

/** How a model takes its pictures; throws what {@link modelSize} does. */
export function modelInputs(model: PictureModel): Promise<PictureInputs> {
  return inThread((thread) => thread.call('inputs', model))
}

/**
 * Identifies what computes an embedding: the sha256 of the model's files, then of how pictures are
 * fed to it and what is taken from it, whatever backend runs it. Hex.
 */
export async function modelHash(options: PictureModelOptions = {}): Promise<string> {
  const { file, layout, range, mean, std, outputs } = pictureModel(options)
  const content = createHash('sha256')
  for (const path of await allFiles(file))
    for await (const chunk of createReadStream(path)) content.update(chunk as Buffer)
  return createHash('sha256')
    .update(content.digest())
    .update(JSON.stringify(Object.entries({ layout, mean, outputs, range, std })))
    .digest('hex')
}

/** The files of a model, with those in which an .onnx file keeps tensors. */
async function allFiles(file: string): Promise<readonly string[]> {
  const { kind, path, files } = await modelFiles(file)
  if (kind !== 'onnx') return files
  const beside: string[] = []
  for (const name of externalDataFiles(await readFile(path))) {
    // One outside of the folder, or none, is refused when the model is loaded.
    const found = await pathInside(dirname(path), name).catch(() => undefined)
    if (found !== undefined) beside.push(found)
  }
  return [...files, ...beside]
}

/** Loads a backend in a thread of its own, or fails with what hinders it. */
export function tryBackend(backend: Backend): Promise<void> {
  return inThread((thread) => thread.call('backend', backend))
}

/** Asks a thread that lasts for one question: a model is large, and seldom asked about. */
async function inThread<T>(ask: (thread: WorkerThread<ModelMethods>) => Promise<T>): Promise<T> {
  const thread = new WorkerThread<ModelMethods>(import.meta.url, './model-worker')
  try {
    return await ask(thread)
  } finally {
    await thread.close()
  }
}
