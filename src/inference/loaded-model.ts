import { OptionError } from '../errors.ts'
import { didYouMean } from '../options.ts'
import type { Backend } from './tfjs-backend.ts'

/** A model for pictures: which, how it wants them, and what is taken from it. */
export interface PictureModel extends Readonly<Record<string, unknown>> {
  /** Path of the file or folder. */
  readonly file: string
  /** What runs it, if it is one for TensorFlow.js; undefined for the first that loads. */
  readonly backend: Backend | undefined
  /** Order of its input's dimensions, where that does not show from its shape. */
  readonly layout: 'nhwc' | 'nchw' | undefined
  /** What black and white become. */
  readonly range: readonly [number, number]
  /** Subtracted after that, for red, green and blue. */
  readonly mean: readonly number[]
  /** Divided by then. */
  readonly std: readonly number[]
  /** Names of outputs or of what is inside the model, with the columns that they become; undefined for the first. */
  readonly outputs: Readonly<Record<string, string>> | undefined
}

/** A model that is loaded, whatever it was saved as. */
export interface LoadedModel {
  /** What it takes. */
  readonly inputs: readonly ModelInput[]
  /** Gives the first input `fed`; returns what was asked for at loading, in that order. */
  readonly run: (fed: ModelTensor) => Promise<readonly ModelTensor[]>
  /** Releases it. */
  readonly close: () => unknown
  /** What is to be known about the way in which it runs. */
  readonly warning?: string | undefined
}

/** An input of a model. */
export interface ModelInput {
  /** Its name. */
  readonly name: string
  /** Of its values, `float32` for instance. */
  readonly type: string
  /** A dimension that is not fixed has a name, or is -1. */
  readonly shape: readonly (number | string)[]
}

/** What goes into a model, or comes out. */
export interface ModelTensor {
  /** Of its values, `float32` for instance. */
  readonly type: string
  /** With the batch's dimension. */
  readonly shape: readonly number[]
  /** Row-major. */
  readonly values: ArrayLike<unknown>
}

/** The error for names in `outputs` that are neither among a model's outputs nor `inside` it. */
export function unknownOutputs(
  names: readonly string[],
  outputs: readonly string[],
  { kind = '', inside = [], because = '' }: Inside = {},
): OptionError {
  const hint = didYouMean(names[0] ?? '', [...outputs, ...inside])
  const got = names.map((name) => `\`${name}\``).join(', ')
  return new OptionError(
    `Expected option \`outputs\` to name outputs of the model (${outputs.join(', ')})${kind && ` or ${kind} inside it`}, got ${got}${hint}${because && ` (${because})`}`,
  )
}

/** What can be taken from inside a model. */
interface Inside {
  /** In words. */
  readonly kind?: string
  /** Names, as far as they are known. */
  readonly inside?: readonly string[]
  /** What the runtime said. */
  readonly because?: string
}
