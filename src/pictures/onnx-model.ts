import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OptionError } from '../errors.ts'
import { columnList, knownOptions, nonEmptyString, numbers, oneOf } from '../options.ts'
import { pathInside } from '../path-inside.ts'
import { externalDataFiles } from './external-data.ts'
import type { PictureSize } from './pixels.ts'
import type { ModelMethods } from '../tasks/model-worker.ts'
import type { ModelColumn, ModelInput, PictureModel } from '../tasks/onnx-session.ts'
import { WorkerThread } from '../worker.ts'

/** Which model, how pictures are fed to it, and what is taken from it. */
export interface PictureModelOptions {
  /**
   * Path of an .onnx file with one input of pictures, in batches of any number or of one.
   *
   * @default the bundled MobileNetV2, see `assets/README.md`
   */
  readonly model?: string
  /** How pictures are fed to it. */
  readonly input?: PictureInput
  /**
   * What is taken from it: an output, or any tensor inside the graph, by name, as the column
   * `embedding`; or several names with their columns.
   *
   * @default the first output
   */
  readonly outputs?: string | Readonly<Record<string, string>>
}

/** How pictures are fed to a model: (low + (high − low) · byte / 255 − mean) / std. */
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
  const { input = {}, outputs } = options
  knownOptions('option `input`', input, ['layout', 'range', 'mean', 'std'])
  const columns =
    outputs === undefined || typeof outputs === 'object'
      ? outputs
      : { [nonEmptyString('outputs', outputs)]: 'embedding' }
  if (columns) {
    columnList('outputs', Object.keys(columns))
    columnList('outputs', Object.values(columns))
  }
  return {
    file: nonEmptyString('model', options.model ?? bundledModel),
    layout: input.layout && oneOf('input.layout', input.layout, ['nhwc', 'nchw']),
    range: numbers('input.range', input.range ?? [0, 1], 2) as [number, number],
    mean: numbers('input.mean', input.mean ?? [0, 0, 0], 3),
    std: numbers('input.std', input.std ?? [1, 1, 1], 3, Number.MIN_VALUE),
    outputs: columns,
  }
}

const described = new Map<string, Promise<readonly ModelColumn[]>>()

/**
 * The columns that `model` makes of pictures of `size`. Loads the model in a thread and runs it
 * once, so what it says is so; the answer is kept while the file does not change.
 *
 * @throws {OptionError} if there is no such file, input or output
 * @throws {SchemaError} if the pictures have another size than it wants, or no common one
 * @throws {DataError} if the file is no model
 */
export async function modelColumns(
  model: PictureModel,
  size: PictureSize | undefined,
): Promise<readonly ModelColumn[]> {
  const { mtimeMs, size: bytes } = await existing(model.file)
  const key = JSON.stringify([model, size, mtimeMs, bytes])
  let columns = described.get(key)
  if (!columns) {
    columns = describe(model, size)
    described.set(key, columns)
    columns.catch(() => described.delete(key))
  }
  return columns
}

/**
 * The size of pictures that a model wants; undefined if it takes any.
 *
 * @throws {OptionError} if there is no such file, or the model is not one for pictures
 * @throws {DataError} if the file is no model
 */
export async function modelSize(options: PictureModelOptions): Promise<PictureSize | undefined> {
  return (await modelInput(pictureModel(options))).size
}

/** Describes the input of a model; throws what {@link modelSize} does. */
export async function modelInput(model: PictureModel): Promise<ModelInput> {
  await existing(model.file)
  return inThread((thread) => thread.call('input', model))
}

/**
 * Identifies what computes an embedding: the sha256 of the model file and of those in which it keeps
 * tensors, then of how pictures are fed to it and what is taken from it. Hex.
 *
 * @throws {OptionError} if a file cannot be read
 */
export async function modelHash(options: PictureModelOptions = {}): Promise<string> {
  const { file, ...settings } = pictureModel(options)
  const content = await readable(file, () => readFile(file))
  const hash = createHash('sha256').update(createHash('sha256').update(content).digest())
  for (const name of externalDataFiles(content)) {
    // One outside of the folder, or none, is refused when the model is loaded.
    const path = await pathInside(dirname(file), name).catch(() => undefined)
    if (path !== undefined) hash.update(name).update(await readable(path, () => digestOf(path)))
  }
  return hash
    .update(JSON.stringify(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
}

function describe(
  model: PictureModel,
  size: PictureSize | undefined,
): Promise<readonly ModelColumn[]> {
  return inThread((thread) => thread.call('describe', { model, size }))
}

/** Asks a thread that lasts for one question: a model is large, and seldom asked about. */
async function inThread<T>(ask: (thread: WorkerThread<ModelMethods>) => Promise<T>): Promise<T> {
  const thread = new WorkerThread<ModelMethods>(import.meta.url, '../tasks/model-worker')
  try {
    return await ask(thread)
  } finally {
    await thread.close()
  }
}

async function digestOf(file: string): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest()
}

function existing(file: string): Promise<{ mtimeMs: number; size: number }> {
  return readable(file, () => stat(file))
}

async function readable<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    throw new OptionError(
      `Expected option \`model\` to be a file that can be read, got \`${file}\``,
      {
        cause,
      },
    )
  }
}
