import { DataError } from '../errors.ts'

/** Rows of numbers, row after row (row-major): `values[row * columns + column]`. */
export interface Matrix {
  /** How many rows. */
  readonly rows: number
  /** How many columns. */
  readonly columns: number
  /** `rows * columns` values. */
  readonly values: Float32Array | Float64Array
  /** The group of each row, null for none; without them no model asks. */
  readonly groups?: readonly (string | null)[]
}

/** What is known before a fit. */
export interface FitSize {
  /** Values in a row. */
  readonly columns: number
  /** The shape of a row's tensor. */
  readonly shape: readonly number[]
  /** Rows that it is fitted on, nulls counted too in mode `fit`. */
  readonly rows: number
  /** For whatever is random. */
  readonly seed: number
  /** Aborted when nobody waits for the model any more. */
  readonly signal?: AbortSignal
}

/**
 * A model that is fitted in passes over its rows.
 *
 * A pass is `begin`, any number of `learn`, then `end`, which says whether another pass over the
 * same rows is needed. How rows are cut into `learn` calls changes no bit of the result. The
 * statistics of a pass add up: parts learned apart and merged equal the whole, up to rounding.
 * `learnOnline` goes on from a fitted model, one window at a time, without further passes.
 */
export interface Model<Out> {
  /** What it is, as saved: `pca`, `gaussian-mixture`. */
  readonly kind: string
  /** Rows learned so far: the version of an online model. */
  readonly rowsSeen: number
  /** Starts a pass. */
  begin(): void | Promise<void>
  /** Adds rows to the pass's statistics. The caller's values are neither kept nor changed. */
  learn(rows: Matrix): Promise<void>
  /** Adds the statistics that `other` gathered in the same pass; `other` is used up. */
  merge(other: this): Promise<void>
  /** Ends the pass; true: another one over the same rows is needed. */
  end(): Promise<boolean>
  /** Goes from a fit to online learning, before the first window is scored; `learnOnline` does it where the caller did not. */
  beginOnline?(): void
  /** Learns one window in a single step, after a fit. */
  learnOnline(window: Matrix): Promise<void>
  /** What the model says of each row. */
  apply(rows: Matrix): Promise<Out>
  /** All it takes to make the model again. */
  state(): ModelState
}

/** What a model's parameters may be made of. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** A named array of a model: its shape and its values in row-major order. */
export interface StateArray {
  /** Sizes of the dimensions; their product is the number of values. */
  readonly shape: readonly number[]
  /** The values. */
  readonly values: Float64Array | Float32Array | Int32Array | Uint8Array | readonly string[]
}

/** A model as plain data. */
export interface ModelState {
  /** What it is, as saved. */
  readonly kind: string
  /** Version of this kind's layout; a model reads only the one it knows. */
  readonly version: number
  /** Options and small numbers, as JSON. */
  readonly parameters: Readonly<Record<string, Json>>
  /** Arrays by name. */
  readonly arrays: Readonly<Record<string, StateArray>>
  /** Rows learned. */
  readonly rowsSeen: number
  /** Paths of files that belong to the model (an index) by name; saving copies them. */
  readonly files?: Readonly<Record<string, string>>
  /** The folder it was loaded from, for messages. */
  readonly origin?: string
}

/**
 * Checks that `state` is of this kind and version.
 *
 * @throws {DataError} if it is not
 */
export function requireState(state: ModelState, kind: string, version: number): void {
  const url = state.origin ?? 'memory'
  if (state.kind !== kind)
    throw new DataError(`Expected a model of kind \`${kind}\`, got \`${state.kind}\``, { url })
  if (state.version !== version)
    throw new DataError(
      `Expected version ${String(version)} of \`${kind}\`, got ${String(state.version)}`,
      { url },
    )
}

/**
 * The float64 array called `name` of `state`, checked to have `shape`; `null` stands for any size.
 *
 * @throws {DataError} if it is missing, of another shape, or holds other values
 */
export function float64Array(
  state: ModelState,
  name: string,
  shape: readonly (number | null)[],
): Float64Array {
  const url = state.origin ?? 'memory'
  const array = state.arrays[name]
  if (!array) throw new DataError(`Expected array \`${name}\` of the model, got none`, { url })
  const expected = shape.map((size) => size ?? 'any').join('×')
  const fits =
    array.shape.length === shape.length &&
    shape.every((size, i) => size === null || size === array.shape[i])
  const size = array.shape.reduce((a, b) => a * b, 1)
  if (!fits || size !== array.values.length)
    throw new DataError(
      `Expected array \`${name}\` of shape ${expected}, got ${array.shape.join('×')} with ${String(array.values.length)} values`,
      { url },
    )
  if (array.values instanceof Float64Array) return array.values
  throw new DataError(`Expected array \`${name}\` of float64, got another type`, { url })
}
