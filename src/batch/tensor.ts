import {
  type Data,
  DataType,
  Field,
  FixedSizeList,
  Float32,
  makeData,
  makeVector,
  type Vector,
} from 'apache-arrow'
import type { Column } from './batch.ts'
import { concatData } from './concat-data.ts'
import { SchemaError } from '../errors.ts'
import { typeName } from './schema.ts'

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
 * @throws {SchemaError} if the values are not float32
 */
export function tensorValues(vector: Vector): Float32Array {
  const { values } = tensorMatrix(vector)
  if (values instanceof Float32Array) return values
  throw new SchemaError(`Expected tensors of float32, got ${typeName(vector.type as DataType)}`, {
    column: '',
  })
}

/**
 * The rows of a tensor column as a matrix, row-major, without copying where they lie in one piece.
 * A null row reads as what its slot holds.
 *
 * @throws {SchemaError} if the values are neither float32 nor float64
 */
export function tensorMatrix(vector: Vector): {
  rows: number
  columns: number
  values: Float32Array | Float64Array
} {
  const { type, children, length } = concatData(vector.data as readonly Data[])
  const values = children[0]?.values as unknown
  if (!DataType.isFixedSizeList(type) || !isFloats(values))
    throw new SchemaError(`Expected tensors of float32 or float64, got ${typeName(type)}`, {
      column: '',
    })
  const columns = type.listSize
  return { rows: length, columns, values: values.subarray(0, length * columns) }
}

function isFloats(values: unknown): values is Float32Array | Float64Array {
  return values instanceof Float32Array || values instanceof Float64Array
}
