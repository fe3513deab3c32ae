import {
  Binary,
  Bool,
  type Data,
  type DataType,
  Field,
  Float64,
  Int32,
  Int64,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import { concatData } from './concat-data.ts'
import { addRowBytes, dataBytes } from './data-bytes.ts'
import { SchemaError } from '../errors.ts'
import { isHeavy, missingColumn, sameType, schemaWith } from './schema.ts'
import { takeData } from './take-data.ts'

/** A column: its field and its values. */
export interface Column {
  /** Name, type and metadata. */
  readonly field: Field
  /** One value per row. */
  readonly vector: Vector
}

/** Returns the column called `name`, or throws a {@link SchemaError} that lists those present. */
export function column(batch: RecordBatch, name: string): Vector {
  const vector = batch.getChild(name)
  if (vector) return vector
  throw missingColumn(name, batch.schema)
}

/** Makes a batch of columns that have the same number of rows. */
export function batchOf(columns: readonly Column[], schema?: Schema): RecordBatch {
  const made = schema ?? new Schema(columns.map((c) => c.field))
  const length = columns[0]?.vector.length ?? 0
  for (const { field, vector } of columns)
    if (vector.length !== length)
      throw new SchemaError(
        `Expected column \`${field.name}\` to have ${String(length)} rows, got ${String(vector.length)}`,
        { column: field.name },
      )
  return batchOfData(
    made,
    columns.map((c) => oneData(c.vector)),
    length,
  )
}

/** The columns of `batch`. */
export function columnsOf(batch: RecordBatch): Column[] {
  return batch.schema.fields.map((field) => ({ field, vector: column(batch, field.name) }))
}

/** `batch` with `columns` in place of those of the same name, or at the end. Copies nothing. */
export function withColumns(batch: RecordBatch, columns: readonly Column[]): RecordBatch {
  const schema = schemaWith(
    batch.schema,
    columns.map((c) => c.field),
  )
  const added = new Map(columns.map((c) => [c.field.name, c]))
  return batchOf(
    schema.fields.map(
      (field) => added.get(field.name) ?? { field, vector: column(batch, field.name) },
    ),
    schema,
  )
}

/** The columns of `batch` that are in `names`, in the order of `names`. Copies nothing. */
export function select(batch: RecordBatch, names: readonly string[]): RecordBatch {
  const { fields, metadata } = batch.schema
  const at = names.map((name) => {
    const i = fields.findIndex((field) => field.name === name)
    if (i < 0) throw missingColumn(name, batch.schema)
    return i
  })
  return batchOfData(
    new Schema(
      at.map((i) => fields[i] as Field),
      metadata,
    ),
    at.map((i) => batch.data.children[i] as Data),
    batch.numRows,
  )
}

/** `batch` without the heavy columns that are not in `wanted`; without `wanted` the batch itself. */
export function withoutHeavy(
  batch: RecordBatch,
  wanted: ReadonlySet<string> | undefined,
): RecordBatch {
  if (!wanted) return batch
  const names = batch.schema.fields
    .filter((f) => !isHeavy(f) || wanted.has(f.name))
    .map((f) => f.name)
  return names.length === batch.schema.fields.length ? batch : select(batch, names)
}

/** Returns the rows of `batch` at `rows`, in that order, with the same schema. Copies. */
export function take(batch: RecordBatch, rows: ArrayLike<number>): RecordBatch {
  const children = batch.data.children.map((data) => takeData(data, rows))
  return batchOfData(batch.schema, children, rows.length)
}

/** Joins batches of one schema, each column in one piece. Copies, unless there is one batch. */
export function concat(batches: readonly RecordBatch[]): RecordBatch {
  const [first] = batches
  if (!first) throw new Error('Expected at least one batch')
  if (batches.length === 1) return first
  const numRows = batches.reduce((n, batch) => n + batch.numRows, 0)
  const children = first.schema.fields.map((field, i) =>
    concatData(batches.map((batch) => sameType(field, batch.data.children[i] as Data))),
  )
  return batchOfData(first.schema, children, numRows)
}

/** A batch without rows. */
export function emptyBatch(schema: Schema): RecordBatch {
  return batchOfData(
    schema,
    schema.fields.map((field) => vectorFromArray([], field.type as DataType).data[0] as Data),
    0,
  )
}

/** Bytes that the rows of `batch` take: of a slice only its own, a dictionary once and whole. */
export function byteLength(batch: RecordBatch): number {
  return batch.data.children.reduce((n, data) => n + dataBytes(data), 0)
}

/** What each row takes by itself, whatever batch it comes in: its values and offsets, in bytes. */
export function rowBytes(batch: RecordBatch): Float64Array {
  const bytes = new Float64Array(batch.numRows)
  for (const data of batch.data.children) addRowBytes(data, bytes)
  return bytes
}

/** A text column. */
export function textColumn(name: string, values: readonly (string | null)[]): Column {
  return { field: new Field(name, new Utf8(), true), vector: vectorFromArray(values, new Utf8()) }
}

/** A column of bytes, marked by the caller as heavy where it is. */
export function binaryColumn(name: string, values: readonly (Uint8Array | null)[]): Column {
  return {
    field: new Field(name, new Binary(), true),
    vector: vectorFromArray(values, new Binary()),
  }
}

/** A Float64 column without nulls, over the array itself. */
export function float64Column(name: string, values: Float64Array): Column {
  const data = makeData({ type: new Float64(), length: values.length, nullCount: 0, data: values })
  return { field: new Field(name, new Float64(), true), vector: makeVector(data) }
}

/** An Int32 column; nulls allowed. */
export function int32Column(name: string, values: readonly (number | null)[]): Column {
  return { field: new Field(name, new Int32(), true), vector: vectorFromArray(values, new Int32()) }
}

/** An Int64 column; nulls allowed. */
export function int64Column(name: string, values: readonly (bigint | null)[]): Column {
  return { field: new Field(name, new Int64(), true), vector: vectorFromArray(values, new Int64()) }
}

/** A Bool column; nulls allowed. */
export function boolColumn(name: string, values: readonly (boolean | null)[]): Column {
  return { field: new Field(name, new Bool(), true), vector: vectorFromArray(values, new Bool()) }
}

/** Returns a string equal for two rows just when every column is: null, NaN, 1, 1n and '1' all differ. */
export function rowKey(columns: readonly Vector[], row: number): string {
  return columns.map((c) => keyPart(c.get(row))).join()
}

function keyPart(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : `${typeof value}:${String(value)}`
}

/** The one piece of data behind a vector; several are copied into one. */
function oneData(vector: Vector): Data {
  const data = vector.data as readonly Data[]
  return data.length === 1 ? (data[0] as Data) : concatData(data)
}

/** Makes a batch of one piece of data per field, each of `length` rows. */
export function batchOfData(schema: Schema, children: Data[], length: number): RecordBatch {
  const type = new Struct(schema.fields)
  return new RecordBatch(schema, makeData({ type, length, nullCount: 0, children }))
}
