import type { Samples } from '../kernels/samples.ts'
import type { Pixels } from '../pictures/pixels.ts'

/** A value of a row inside a worker thread. */
export type TaskValue =
  | null
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | Uint16Array
  | Int32Array
  | Float32Array
  | Float64Array
  | Pixels
  | Samples

/** A row inside a worker thread: the columns that tasks read or added, by name. */
export type TaskRow = Readonly<Record<string, TaskValue>>

/**
 * What a task module's `start(options)` returns; options are anything `structuredClone` takes.
 * Two rows are in work at a time in each thread, so `run` keeps no state between calls.
 */
export interface Task {
  /**
   * Returns the columns that the row gains. Throws {@link RowError} if the row is at fault. Before it
   * makes something large that belongs to the row it calls `room` with its bytes, which waits until the
   * threads hold little enough; once per row, so that no two rows wait for each other.
   */
  readonly run: (row: TaskRow, room: TakeRoom) => TaskRow | Promise<TaskRow>
  /** Releases what `start` opened. */
  readonly close?: () => unknown
}

/** Waits for room for so many bytes; it is given back when the row has come through all tasks. */
export type TakeRoom = (bytes: number) => Promise<void>

/**
 * Why a row was refused: stable codes that a reject carries.
 * `MISSING` null where a value is needed · `EMPTY` no bytes · `FORMAT` not a picture format that is read ·
 * `DAMAGED` cut or corrupt · `TOO_LARGE` more pixels than allowed · `OUTSIDE` too small for the part wanted ·
 * `MODEL` the model fails on it.
 */
export type RowErrorCode =
  'MISSING' | 'EMPTY' | 'FORMAT' | 'DAMAGED' | 'TOO_LARGE' | 'OUTSIDE' | 'MODEL'

/** The row is at fault, not the program: `onError` of the operator decides what becomes of it. */
export class RowError extends Error {
  readonly code: RowErrorCode
  constructor(code: RowErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** The bytes in `column`. */
export function bytesIn(row: TaskRow, column: string): Uint8Array {
  const value = row[column]
  if (value instanceof Uint8Array) return value
  throw new RowError('MISSING', `Expected bytes in column \`${column}\`, got null`)
}

/** The picture in `column`; one that comes from a file may have other values than its size says. */
export function pixelsIn(row: TaskRow, column: string): Pixels {
  const value = row[column]
  if (value === null || typeof value !== 'object' || !('width' in value))
    throw new RowError('MISSING', `Expected a picture in column \`${column}\`, got null`)
  const { data, width, height } = value
  if (data instanceof Uint8Array && width > 0 && height > 0 && data.length === 3 * width * height)
    return { data, width, height }
  throw new RowError(
    'DAMAGED',
    `Expected ${String(width)} × ${String(height)} pixels of 3 values, got ${String(data.length)} values`,
  )
}

/** The buffers that a row takes along to another thread. */
export function buffersOf(row: TaskRow): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  for (const value of Object.values(row)) {
    if (value === null || typeof value !== 'object') continue
    buffers.add(('width' in value ? value.data : value).buffer as ArrayBuffer)
  }
  return [...buffers]
}
