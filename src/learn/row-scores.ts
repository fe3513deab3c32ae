import {
  type Data,
  DataType,
  type Field,
  type FixedSizeList,
  makeData,
  makeVector,
  type RecordBatch,
  type Vector,
} from 'apache-arrow'
import { column, type Column } from '../batch/batch.ts'
import type { Matrix } from '../models/model.ts'
import { bitmapBytes, fillBits, sameKind, takeData } from '../batch/take-data.ts'
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

/**
 * The rows of the tensor column `name` that are not null, as a matrix, with the texts of the column `by` as their
 * groups; without nulls no values are copied.
 */
export function validRows(batch: RecordBatch, name: string, by?: string): ValidRows {
  const { matrix, rows } = validValues(column(batch, name))
  if (by === undefined) return { matrix, rows }
  const texts = column(batch, by)
  const groups = Array.from({ length: matrix.rows }, (_, i) => {
    const text: unknown = texts.get(rows?.[i] ?? i)
    return typeof text === 'string' ? text : null
  })
  return { matrix: { ...matrix, groups }, rows }
}

function validValues(vector: Vector): ValidRows {
  if (vector.nullCount <= 0) return { matrix: tensorMatrix(vector), rows: undefined }
  const rows = new Int32Array(vector.length - vector.nullCount)
  let at = 0
  for (let row = 0; row < vector.length; row++) if (vector.isValid(row)) rows[at++] = row
  const valid = takeData(vector.data[0] as Data, rows)
  return { matrix: tensorMatrix(makeVector(valid)), rows }
}

/** The rows `from` to `to` (half-open) of a matrix. Copies nothing. */
export function rowsOf({ columns, values, groups }: Matrix, from: number, to: number): Matrix {
  const part = values.subarray(from * columns, to * columns)
  return {
    rows: to - from,
    columns,
    values: part,
    ...(groups && { groups: groups.slice(from, to) }),
  }
}

/**
 * Columns of `numRows` rows with the scores of the rows in `rows` (by default all); the others are
 * null, and with `partial` those of which the first score is NaN. Without scores `rows` is empty. A field of
 * a tensor takes as many values of a row as the tensor has, any other field one.
 */
export function scoreColumns(
  fields: readonly Field[],
  given: readonly Scores[] | undefined,
  {
    rows: of,
    numRows,
    partial,
  }: { rows: Int32Array | undefined; numRows: number; partial?: boolean | undefined },
): Column[] {
  const { scores, rows } = partial && given ? answered(given, of) : { scores: given, rows: of }
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

/** The scores, one per field, of the rows that a model says something of: the first is not NaN. */
function answered(
  scores: readonly Scores[],
  rows: Int32Array | undefined,
): { readonly scores: readonly Scores[]; readonly rows: Int32Array | undefined } {
  const [first] = scores
  if (!first) return { scores, rows }
  const kept = Int32Array.from([...first.keys()].filter((i) => !Number.isNaN(Number(first[i]))))
  if (kept.length === first.length) return { scores, rows }
  return {
    scores: scores.map((all) => {
      const some = sameKind(all, kept.length)
      kept.forEach((i, at) => (some[at] = all[i] as never))
      return some
    }),
    rows: kept.map((i) => rows?.[i] ?? i),
  }
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
