import {
  type Data,
  DataType,
  Field,
  FixedSizeList,
  Float32,
  makeData,
  makeVector,
  type Schema,
  type Vector,
} from 'apache-arrow'
import type { Column } from './batch.ts'
import { concatData } from './concat-data.ts'
import { SchemaError } from '../errors.ts'
import { requireField, typeName } from './schema.ts'

const extension = 'ARROW:extension:name'
const details = 'ARROW:extension:metadata'

/**
 * A field of float32 tensors that all have `shape`: Arrow's canonical `arrow.fixed_shape_tensor`.
 *
 * @see https://arrow.apache.org/docs/format/CanonicalExtensions.html#fixed-shape-tensor
 */
export function fixedShapeTensor(
  name: string,
  shape: readonly number[],
  value: DataType = new Float32(),
): Field<FixedSizeList> {
  const size = shape.reduce((a, b) => a * b, 1)
  const type = new FixedSizeList(size, new Field('item', value, false))
  const metadata = new Map([
    [extension, 'arrow.fixed_shape_tensor'],
    [details, JSON.stringify({ shape })],
  ])
  return new Field(name, type, true, metadata)
}

/** The shape of a tensor column; a plain list of fixed size has one dimension. Throws {@link SchemaError} for others. */
export function tensorShape(field: Field): readonly number[] {
  if (!DataType.isFixedSizeList(field.type))
    throw new SchemaError(
      `Expected column \`${field.name}\` to be a tensor of fixed shape, got ${typeName(field.type as DataType)}`,
      { column: field.name },
    )
  if (field.metadata.get(extension) !== 'arrow.fixed_shape_tensor') return [field.type.listSize]
  const { shape } = JSON.parse(field.metadata.get(details) ?? '{}') as { shape?: number[] }
  return shape ?? [field.type.listSize]
}

/**
 * The field called `name` of `schema`, checked to be tensors of float32, float64 or uint8.
 *
 * @throws {SchemaError} naming the operator `owner` if it is missing or something else
 */
export function requireTensor(schema: Schema, name: string, owner: string): Field<FixedSizeList> {
  const field = requireField(schema, name, { owner, kind: 'tensor' })
  const type = field.type as FixedSizeList<DataType>
  if (['Float32', 'Float64', 'Uint8'].includes(typeName(type.valueType)))
    return field as Field<FixedSizeList>
  throw new SchemaError(
    `Expected column \`${name}\` of ${owner} to be tensors of float32, float64 or uint8, got ${typeName(type)}`,
    { column: name },
  )
}

/** The type of what is computed from tensors: float64 of float64, else float32. */
export function computedType({ type }: Field<FixedSizeList>): DataType {
  const { valueType } = type as FixedSizeList<DataType>
  return typeName(valueType) === 'Float64' ? valueType : new Float32()
}

/** The field of a tensor column with `shape`, which has as many values; what else is known of the column stays. */
export function reshaped(field: Field, shape: readonly number[]): Field {
  const { metadata } = fixedShapeTensor(field.name, shape)
  return field.clone({ metadata: new Map([...field.metadata, ...metadata]) })
}

/** A column of tensors over `values`, row after row: `values.length / size` rows. No row is null. */
export function tensorColumn(name: string, shape: readonly number[], values: Float32Array): Column {
  const field = fixedShapeTensor(name, shape)
  const size = field.type.listSize
  const child = makeData({ type: new Float32(), length: values.length, nullCount: 0, data: values })
  const data = makeData({ type: field.type, length: values.length / size, nullCount: 0, child })
  return { field, vector: makeVector(data) }
}

/**
 * The float32 values of a tensor column, row after row, without copying where they lie in one piece.
 * A null row reads as what its slot holds.
 *
 * @throws {SchemaError} if the values are neither float32 nor uint8, which become float32
 */
export function tensorValues(vector: Vector): Float32Array {
  const { values } = tensorMatrix(vector)
  if (values instanceof Float32Array) return values
  throw new SchemaError(`Expected tensors of float32, got ${typeName(vector.type as DataType)}`, {
    column: '',
  })
}

/**
 * The rows of a tensor column as a matrix, row-major, without copying where they are floats in one piece; uint8
 * become float32. A null row reads as what its slot holds.
 *
 * @throws {SchemaError} if the values are neither float32 nor float64 nor uint8
 */
export function tensorMatrix(vector: Vector): {
  rows: number
  columns: number
  values: Float32Array | Float64Array
} {
  const { type, children, length } = concatData(vector.data as readonly Data[])
  const values = children[0]?.values as unknown
  if (!DataType.isFixedSizeList(type) || !(isFloats(values) || values instanceof Uint8Array))
    throw new SchemaError(`Expected tensors of float32, float64 or uint8, got ${typeName(type)}`, {
      column: '',
    })
  const columns = type.listSize
  const used = values.subarray(0, length * columns)
  return { rows: length, columns, values: isFloats(used) ? used : new Float32Array(used) }
}

function isFloats(values: unknown): values is Float32Array | Float64Array {
  return values instanceof Float32Array || values instanceof Float64Array
}
