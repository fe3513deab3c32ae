import {
  type Data,
  DataType,
  type Field,
  type FixedSizeList,
  makeData,
  makeVector,
  type RecordBatch,
} from 'apache-arrow'
import { column, type Column } from '../batch/batch.ts'
import type { Matrix } from '../models/model.ts'
import { bitmapBytes, fillBits, takeData } from '../batch/take-data.ts'
import { tensorMatrix } from '../batch/tensor.ts'

/** Numbers that a model says of rows: one or several per row. */
export type Scores = Float32Array | Float64Array | BigInt64Array

/** The rows of a tensor column that are not null. */
export interface ValidRows {
  /** Their values. */
  readonly matrix: Matrix
  /** Their numbers in the batch; undefined if they are all of it. */
  readonly rows: Int32Array | undefined
}

/** The rows of the tensor column `name` that are not null, as a matrix; without nulls nothing is copied. */
export function validRows(batch: RecordBatch, name: string): ValidRows {
  const vector = column(batch, name)
  if (vector.nullCount <= 0) return { matrix: tensorMatrix(vector), rows: undefined }
  const rows = new Int32Array(vector.length - vector.nullCount)
  let at = 0
  for (let row = 0; row < vector.length; row++) if (vector.isValid(row)) rows[at++] = row
  const valid = takeData(vector.data[0] as Data, rows)
  return { matrix: tensorMatrix(makeVector(valid)), rows }
}

/** The rows `from` to `to` (half-open) of a matrix. Copies nothing. */
export function rowsOf({ columns, values }: Matrix, from: number, to: number): Matrix {
  return { rows: to - from, columns, values: values.subarray(from * columns, to * columns) }
}

/**
 * Columns of `numRows` rows with the scores of the rows in `rows` (by default all); the others are
 * null. Without scores `rows` is empty. A field of
 * a tensor takes as many values of a row as the tensor has, any other field one.
 */
export function scoreColumns(
  fields: readonly Field[],
  scores: readonly Scores[] | undefined,
  { rows, numRows }: { rows: Int32Array | undefined; numRows: number },
): Column[] {
  const nullBitmap = rows && bitsOf(rows, numRows)
  const nullCount = rows ? numRows - rows.length : 0
  return fields.map((field, i) => {
    const type = field.type as DataType
    const width = DataType.isFixedSizeList(type) ? type.listSize : 1
    const values = scores
      ? spread(scores[i] as Scores, width, { rows, numRows })
      : emptyScores(type, numRows * width)
    const about = { length: numRows, nullCount, ...(nullCount > 0 && { nullBitmap }) }
    const data = DataType.isFixedSizeList(type)
      ? makeData({ type: type, ...about, child: flat(type, values) })
      : makeData({ type: type as never, ...about, data: values as never })
    return { field, vector: makeVector(data as Data) }
  })
}

function flat(type: FixedSizeList, data: Scores): Data {
  return makeData({
    type: type.valueType as never,
    length: data.length,
    nullCount: 0,
    data: data as never,
  })
}

function spread(
  scores: Scores,
  width: number,
  { rows, numRows }: { rows: Int32Array | undefined; numRows: number },
): Scores {
  if (!rows) return scores
  const out = new (scores.constructor as new (length: number) => Scores)(numRows * width)
  for (const [i, row] of rows.entries())
    for (let j = 0; j < width; j++) out[row * width + j] = scores[i * width + j] as never
  return out
}

function emptyScores(type: DataType, length: number): Scores {
  const values = (DataType.isFixedSizeList(type) ? type.valueType : type) as DataType
  return new (values.ArrayType as new (length: number) => Scores)(length)
}

function bitsOf(rows: Int32Array, numRows: number): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(numRows))
  for (const row of rows) fillBits(bits, row, 1)
  return bits
}
