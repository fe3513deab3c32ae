import type { RecordBatch, Vector } from 'apache-arrow'
import { column } from '../batch/batch.ts'
import { DataError } from '../errors.ts'
import { tensorMatrix } from '../batch/tensor.ts'

/** The embeddings of some rows. */
export interface EmbeddingRows {
  /** The values, row after row; a copy of its own. */
  readonly values: Float32Array
  /** Length of a row. */
  readonly columns: number
  /** Per row: 0 where there is none (null), 1 where there is one. */
  readonly present: Uint8Array
}

/**
 * The embeddings in a column of `batch`, as float32.
 *
 * @throws {DataError} if a value is not finite as float32; `offset` is the number of the first row
 */
export function embeddingRows(batch: RecordBatch, name: string, offset = 0): EmbeddingRows {
  const vector = column(batch, name)
  const { columns, values: stored } = tensorMatrix(vector)
  const values = Float32Array.from(stored)
  const present = presence(vector)
  for (const [row, there] of present.entries()) {
    const from = row * columns
    if (there === 0) values.fill(0, from, from + columns)
    else requireFinite(values.subarray(from, from + columns), name, offset + row)
  }
  return { values, columns, present }
}

/** Per row: 0 for null, else 1. */
export function presence(vector: Vector): Uint8Array {
  const present = new Uint8Array(vector.length).fill(1)
  if (vector.nullCount > 0)
    for (let row = 0; row < present.length; row++) present[row] = vector.isValid(row) ? 1 : 0
  return present
}

function requireFinite(values: Float32Array, name: string, row: number): void {
  for (const [at, value] of values.entries())
    if (!Number.isFinite(value))
      throw new DataError(
        `Expected finite float32 values in column \`${name}\`, got ${String(value)} at row ${String(row)}, position ${String(at)}`,
        { url: name },
      )
}
