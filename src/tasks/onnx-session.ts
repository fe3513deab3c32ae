import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { DataError, OptionError, SchemaError } from '../errors.ts'
import { withOutputs } from '../pictures/onnx-outputs.ts'
import { didYouMean } from '../options.ts'
import { byteTable } from '../pictures/byte-table.ts'
import type { Pixels, PictureSize } from '../pictures/pixels.ts'

/** An .onnx model for pictures: which, how it wants them, and what is taken from it. */
export interface PictureModel extends Readonly<Record<string, unknown>> {
  /** Path of the file. */
  readonly file: string
  /** Order of its input's dimensions, where that does not show from its shape. */
  readonly layout: 'nhwc' | 'nchw' | undefined
  /** What black and white become. */
  readonly range: readonly [number, number]
  /** Subtracted after that, for red, green and blue. */
  readonly mean: readonly number[]
  /** Divided by then. */
  readonly std: readonly number[]
  /** Names of outputs or of tensors inside the graph, with the columns that they become; undefined for the first. */
  readonly outputs: Readonly<Record<string, string>> | undefined
}

/** A column that a model makes. */
export interface ModelColumn {
  /** Its name. */
  readonly name: string
  /** The shape of each value. */
  readonly shape: readonly number[]
}

/** A model that is ready for pictures of one size. */
export interface OpenModel {
  /** Runs it on one picture. */
  readonly run: (pixels: Pixels) => Promise<readonly ModelValue[]>
  /** Releases the session. */
  readonly close: () => Promise<void>
}

/** What a model made of a picture. */
export interface ModelValue {
  /** Column that it becomes. */
  readonly column: string
  /** Without the batch's dimension. */
  readonly shape: readonly number[]
  /** Row-major. */
  readonly values: Float32Array
}

type TensorMetadata = Extract<InferenceSession.ValueMetadata, { isTensor: true }>
type Layout = 'nhwc' | 'nchw'

/** One thread per session: the pool has the threads that the work is spread over. */
const settings: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 4,
}

/**
 * Loads a model for pictures of `size` and checks that they fit.
 *
 * @throws {DataError} if the file is no model
 * @throws {OptionError} if the model has no such output, or is not one for pictures
 * @throws {SchemaError} if it wants pictures of another size
 */
export async function openModel(
  model: PictureModel,
  size: PictureSize | undefined,
): Promise<OpenModel> {
  const session = await load(model)
  const input = checkedInput(session, model)
  const layout = checkedLayout(input, model)
  checkedSize(input, layout, size)
  const columns = Object.entries(model.outputs ?? { [session.outputNames[0] ?? '']: 'embedding' })
  checkedOutputs(session, columns)
  const { height, width } = size
  const dims = layout === 'nhwc' ? [1, height, width, 3] : [1, 3, height, width]
  const fill = filler(model, layout)
  const fetches = [...new Set(columns.map(([output]) => output))]

  return {
    async run({ data }) {
      const tensor =
        input.type === 'uint8' ? new Tensor('uint8', data, dims) : new Tensor(fill(data), dims)
      const values = await session.run({ [input.name]: tensor }, fetches)
      return columns.map(([output, column]) => {
        const value = values[output] as Tensor
        return { column, shape: value.dims.slice(1), values: value.data as Float32Array }
      })
    },
    close: () => session.release(),
  }
}

/** The input of a model for pictures. */
export interface ModelInput {
  /** Its name in the model. */
  readonly name: string
  /** Type of its values. */
  readonly type: 'float32' | 'uint8'
  /** Order of its dimensions. */
  readonly layout: Layout
  /** Whether it takes one picture at a time only. */
  readonly single: boolean
  /** The size of pictures that it wants; undefined if it takes any. */
  readonly size: PictureSize | undefined
  /** Name of the model's first output. */
  readonly firstOutput: string
}

/**
 * Describes the input of a model.
 *
 * @throws {DataError} if the file is no model
 * @throws {OptionError} if the model is not one for pictures
 */
export async function inputOf(model: PictureModel): Promise<ModelInput> {
  const session = await load(model)
  try {
    const input = checkedInput(session, model)
    const layout = checkedLayout(input, model)
    const [height, width] = sides(input, layout)
    const size =
      isFixed(height) && isFixed(width)
        ? { height: Number(height), width: Number(width) }
        : undefined
    const { name, shape } = input
    const type = input.type as ModelInput['type']
    const firstOutput = session.outputNames[0] ?? ''
    return { name, type, layout, single: isFixed(shape[0]), size, firstOutput }
  } finally {
    await session.release()
  }
}

/** Inner tensors become outputs only where one is asked for, so that all others load as they are. */
async function load({ file, outputs = {} }: PictureModel): Promise<InferenceSession> {
  let session: InferenceSession
  try {
    session = await InferenceSession.create(file, settings)
  } catch (cause) {
    throw new DataError(`Expected an ONNX model, got a file that does not load: ${reason(cause)}`, {
      url: file,
    })
  }
  const present = session.outputNames
  const inner = Object.keys(outputs).filter((name) => !present.includes(name))
  if (inner.length === 0) return session
  await session.release()
  try {
    return await fromCopy(withOutputs(await readFile(file), inner))
  } catch (cause) {
    const hint = didYouMean(inner[0] ?? '', present)
    throw new OptionError(
      `Expected option \`outputs\` to name outputs of the model (${present.join(', ')}) or tensors inside it, got ${inner.map((name) => `\`${name}\``).join(', ')}${hint} (${reason(cause)})`,
    )
  }
}

/**
 * A session of a model that is in no file. Of bytes alone the runtime (1.30) takes tensors that are kept in other
 * files from the working directory; beside a copy there are none.
 */
async function fromCopy(model: Uint8Array): Promise<InferenceSession> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-model-'))
  try {
    const file = join(folder, 'model.onnx')
    await writeFile(file, model)
    return await InferenceSession.create(file, settings)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Without the place in the runtime's sources. */
function reason(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.trim().replace(/\S+\.cc:\d+ .*?\) (?=[A-Z])/s, '')
}

function checkedInput(session: InferenceSession, { layout }: PictureModel): TensorMetadata {
  const inputs = session.inputMetadata
  const [input] = inputs
  const wants =
    'Expected a model with one input of pictures (float32 or uint8, [1 or any, height, width, 3] or [1 or any, 3, height, width])'
  const got = inputs.map((i) => `\`${i.name}\` ${i.isTensor ? shown(i) : ''}`).join(', ')
  if (!input?.isTensor || inputs.length > 1) throw new OptionError(`${wants}, got ${got}`)
  const types = ['float32', 'uint8']
  const [batch, ...rest] = input.shape
  const fits = types.includes(input.type) && rest.length === 3 && (batch === 1 || !isFixed(batch))
  if (!fits || (layout === undefined && !rest.includes(3) && rest.every(isFixed)))
    throw new OptionError(`${wants}, got ${got}`)
  return input
}

/** As declared; else as the dimension that is 3 says. */
function checkedLayout({ name, shape }: TensorMetadata, { layout }: PictureModel): Layout {
  const seems = shape[3] === 3 ? 'nhwc' : shape[1] === 3 ? 'nchw' : undefined
  const channels = layout === 'nhwc' ? shape[3] : shape[1]
  if (layout !== undefined && (channels === 3 || !isFixed(channels))) return layout
  if (layout === undefined && seems) return seems
  throw new OptionError(
    `Expected option \`input.layout\` to be ${seems ? `'${seems}'` : "given ('nhwc' or 'nchw')"} for input \`${name}\` of shape ${dimensions(shape)}, got ${layout === undefined ? 'none' : `'${layout}'`}`,
  )
}

/** Height and width of an input. */
function sides({ shape }: TensorMetadata, layout: Layout): readonly (number | string)[] {
  return layout === 'nhwc' ? shape.slice(1, 3) : shape.slice(2)
}

function checkedSize(
  input: TensorMetadata,
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

function checkedOutputs(session: InferenceSession, columns: readonly [string, string][]): void {
  for (const [output] of columns) {
    const found = session.outputMetadata.find((o) => o.name === output)
    if (found?.isTensor && found.type === 'float32') continue
    throw new OptionError(
      `Expected output \`${output}\` of the model to be float32, got ${found?.isTensor ? found.type : 'no tensor'}`,
    )
  }
}

/** Turns bytes into what the model wants. */
function filler(model: PictureModel, layout: Layout): (data: Uint8Array) => Float32Array {
  const table = byteTable(model)
  const [red, green, blue] = [0, 256, 512].map((from) => table.subarray(from, from + 256)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  return (data) => {
    const values = new Float32Array(data.length)
    const plane = data.length / 3
    const [step, channel] = layout === 'nhwc' ? [3, 1] : [1, plane]
    for (let from = 0, to = 0; from < data.length; from += 3, to += step) {
      values[to] = red[data[from] as number] as number
      values[to + channel] = green[data[from + 1] as number] as number
      values[to + 2 * channel] = blue[data[from + 2] as number] as number
    }
    return values
  }
}

/** Dimensions that are not fixed have a name, or none (-1). */
function isFixed(dimension: unknown): boolean {
  return typeof dimension === 'number' && dimension > 0
}

function shown({ type, shape }: TensorMetadata): string {
  return `${type} ${dimensions(shape)}`
}

function dimensions(shape: readonly (number | string)[]): string {
  return `[${shape.map((d) => (isFixed(d) ? String(d) : typeof d === 'string' && d ? d : '?')).join(', ')}]`
}
