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
  Vector,
  vectorFromArray,
} from 'apache-arrow'
import { isHeavy, missingColumn, schemaWith } from './schema.ts'

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
  const children = columns.map((c) => oneData(c.vector))
  const length = columns[0]?.vector.length ?? 0
  const type = new Struct(made.fields)
  return new RecordBatch(made, makeData({ type, length, nullCount: 0, children }))
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
  const fields = new Map(batch.schema.fields.map((f) => [f.name, f]))
  return batchOf(
    names.map((name) => {
      const vector = column(batch, name)
      return { field: fields.get(name) ?? new Field(name, vector.type as DataType, true), vector }
    }),
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
export function take(batch: RecordBatch, rows: readonly number[]): RecordBatch {
  return batchOf(
    columnsOf(batch).map(({ field, vector }) => {
      const values = rows.map((row): unknown => vector.get(row))
      return { field, vector: vectorFromArray(values, field.type as DataType) }
    }),
    batch.schema,
  )
}

/** Joins batches of one schema. Copies. */
export function concat(batches: readonly RecordBatch[]): RecordBatch {
  const [first] = batches
  if (!first) throw new Error('Expected at least one batch')
  if (batches.length === 1) return first
  return batchOf(
    first.schema.fields.map((field) => ({
      field,
      vector: new Vector(batches.flatMap((b) => column(b, field.name).data)),
    })),
    first.schema,
  )
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
  const [data] = vector.data
  if (data && vector.data.length === 1) return data as Data
  const joined = vectorFromArray([...vector] as unknown[], vector.type as DataType)
  return joined.data[0] as Data
}
