import { OptionError, SchemaError } from '../errors.ts'
import type { Pixels, PictureSize } from '../pictures/pixels.ts'
import { feeder, type FedType, fedTypes, type Layout } from './feeder.ts'
import type { LoadedModel, ModelInput, ModelTensor, PictureModel } from './loaded-model.ts'
import { reasonOf } from './reason-of.ts'
import { modelFiles } from './model-files.ts'
import { loadSavedModel } from './saved-model.ts'
import { loadTfjs } from './tfjs-model.ts'

/** A column that a model makes. */
export interface ModelColumn {
  /** Its name. */
  readonly name: string
  /** The shape of each value. */
  readonly shape: readonly number[]
}

/** A model that is ready for pictures of one size. */
export interface OpenModel {
  /** What it makes, in order. */
  readonly columns: readonly ModelColumn[]
  /** Runs it on one picture; one value for each column. Fails if a value has another shape. */
  readonly run: (pixels: Pixels) => Promise<readonly Float32Array[]>
  /** Releases it. */
  readonly close: () => Promise<void>
  /** What is to be known about the way in which it runs. */
  readonly warning: string | undefined
}

/**
 * Loads a model for pictures of `size`, checks that they fit, and runs it on a black one, since shapes may
 * show only then.
 *
 * @throws {DataError} if the file is no model
 * @throws {OptionError} if the model has no such output, or is not one for pictures
 * @throws {SchemaError} if it wants pictures of another size
 * @throws {ConnectorError} if nothing that runs it is installed and loads
 */
export async function openModel(
  model: PictureModel,
  size: PictureSize | undefined,
): Promise<OpenModel> {
  const loaded = await load(model)
  try {
    const input = checkedInput(loaded, model)
    const layout = checkedLayout(input, model)
    checkedSize(input, layout, size)
    const feed = feeder(model, input.type, layout, size)
    const names = Object.values(model.outputs ?? { first: 'embedding' })
    const columns = columnsOf(names, await onBlack(loaded, feed, size))
    return {
      columns,
      async run({ data }) {
        const made = await loaded.run(feed(data))
        return columns.map((column, at) => valuesOf(column, made[at] as ModelTensor))
      },
      close: async () => {
        await loaded.close()
      },
      warning: loaded.warning,
    }
  } catch (error) {
    await loaded.close()
    throw error
  }
}

/** How a model takes its pictures. */
export interface PictureInputs {
  /** Name of its input. */
  readonly name: string
  /** Type of the values. */
  readonly type: FedType
  /** Order of the dimensions. */
  readonly layout: Layout
  /** Whether it takes one picture at a time only. */
  readonly single: boolean
  /** The size that it wants; undefined if it takes any. */
  readonly size: PictureSize | undefined
}

/**
 * Says how a model takes its pictures.
 *
 * @throws {DataError} if the file is no model
 * @throws {OptionError} if the model is not one for pictures
 * @throws {ConnectorError} if nothing that runs it is installed and loads
 */
export async function inputsOf(model: PictureModel): Promise<PictureInputs> {
  const loaded = await load(model)
  try {
    const input = checkedInput(loaded, model)
    const layout = checkedLayout(input, model)
    const [height, width] = sides(input, layout)
    const size =
      isFixed(height) && isFixed(width)
        ? { height: Number(height), width: Number(width) }
        : undefined
    const { name, type, shape } = input
    return { name, type, layout, single: isFixed(shape[0]), size }
  } finally {
    await loaded.close()
  }
}

async function load({ file, backend, outputs }: PictureModel): Promise<LoadedModel> {
  const asked = outputs && Object.keys(outputs)
  const { kind, path } = await modelFiles(file)
  if (kind === 'tfjs') return loadTfjs(path, asked, backend)
  if (kind === 'saved-model') return loadSavedModel(path, asked, backend)
  if (backend === undefined) {
    // Its runtime is loaded only where it is needed.
    const { loadOnnx } = await import('./onnx-model.ts')
    return loadOnnx(path, asked)
  }
  throw new OptionError(
    `Expected option \`backend\` with a model for TensorFlow.js only, got '${backend}' with \`${file}\``,
  )
}

type PictureInput = ModelInput & { readonly type: FedType }

function checkedInput({ inputs }: LoadedModel, { layout }: PictureModel): PictureInput {
  const [input] = inputs
  const [batch, ...rest] = input?.shape ?? []
  const fits =
    inputs.length === 1 &&
    isFed(input) &&
    rest.length === 3 &&
    (batch === 1 || !isFixed(batch)) &&
    (layout !== undefined || rest.includes(3) || !rest.every(isFixed))
  if (fits) return input
  const got = inputs.map(({ name, type, shape }) => `\`${name}\` ${type} ${dimensions(shape)}`)
  throw new OptionError(
    `Expected a model with one input of pictures (${fedTypes.join(', ')}; [1 or any, height, width, 3] or [1 or any, 3, height, width]), got ${got.join(', ')}`,
  )
}

function isFed(input: ModelInput | undefined): input is PictureInput {
  return (fedTypes as readonly (string | undefined)[]).includes(input?.type)
}

/** As declared; else as the dimension that is 3 says. */
function checkedLayout({ name, shape }: ModelInput, { layout }: PictureModel): Layout {
  const seems = shape[3] === 3 ? 'nhwc' : shape[1] === 3 ? 'nchw' : undefined
  const channels = layout === 'nhwc' ? shape[3] : shape[1]
  if (layout !== undefined && (channels === 3 || !isFixed(channels))) return layout
  if (layout === undefined && seems) return seems
  throw new OptionError(
    `Expected option \`input.layout\` to be ${seems ? `'${seems}'` : "given ('nhwc' or 'nchw')"} for input \`${name}\` of shape ${dimensions(shape)}, got ${layout === undefined ? 'none' : `'${layout}'`}`,
  )
}

/** Height and width of an input. */
function sides({ shape }: ModelInput, layout: Layout): readonly (number | string)[] {
  return layout === 'nhwc' ? shape.slice(1, 3) : shape.slice(2)
}

function checkedSize(
  input: ModelInput,
  layout: Layout,
  size: PictureSize | undefined,
): asserts size {
  const [height = '', width = ''] = sides(input, layout)
  if (size && takes(height, size.height) && takes(width, size.width)) return
  const fixed = isFixed(height) && isFixed(width)
  const got = size ? `${String(size.width)} × ${String(size.height)}` : 'varying size'
  const wants = fixed ? `${String(width)} × ${String(height)}` : 'one size'
  const example = fixed
    ? `{ width: ${String(width)}, height: ${String(height)} }`
    : '{ width, height }'
  throw new SchemaError(
    `Expected column \`pixels\` for infer to be pictures of ${wants}, got pictures of ${got}; add resize(${example}) before it`,
    { column: 'pixels' },
  )
}

function takes(wants: number | string, has: number): boolean {
  return !isFixed(wants) || wants === has
}

async function onBlack(
  { run }: LoadedModel,
  feed: (data: Uint8Array) => ModelTensor,
  { width, height }: PictureSize,
): Promise<readonly ModelTensor[]> {
  try {
    return await run(feed(new Uint8Array(width * height * 3)))
  } catch (cause) {
    throw new OptionError(
      `Expected the model to run on a black picture of ${String(width)} × ${String(height)}, got ${reasonOf(cause)}`,
      { cause },
    )
  }
}

function columnsOf(names: readonly string[], made: readonly ModelTensor[]): readonly ModelColumn[] {
  return names.map((name, at) => {
    const { type, shape } = made[at] as ModelTensor
    if (type === 'float32' && shape[0] === 1) return { name, shape: shape.slice(1) }
    throw new OptionError(
      `Expected the output for column \`${name}\` to be float32 [1, …], got ${type} ${dimensions(shape)}`,
    )
  })
}

function valuesOf({ name, shape }: ModelColumn, made: ModelTensor): Float32Array {
  const got = made.shape
  if (got.length === shape.length + 1 && [1, ...shape].every((size, at) => size === got[at]))
    return made.values as Float32Array
  throw new Error(
    `column \`${name}\` of shape ${dimensions(got)}, for a black picture ${dimensions([1, ...shape])}`,
  )
}

/** Dimensions that are not fixed have a name, or none (-1). */
function isFixed(dimension: unknown): boolean {
  return typeof dimension === 'number' && dimension > 0
}

function dimensions(shape: readonly (number | string)[]): string {
  return `[${shape.map((d) => (typeof d === 'number' && d < 0 ? '?' : String(d) || '?')).join(', ')}]`
}
