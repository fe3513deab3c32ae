import {
  DataType,
  type Field,
  FixedSizeList,
  type Float32,
  Float32 as Float32Type,
  makeData,
  makeVector,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import type { Column } from '../batch/batch.ts'
import { isPixels, type Pixels, pixelsAt, pixelsColumn, validity } from '../pictures/pixels.ts'
import type { TaskValue } from './task.ts'

/** The value in `row` as a task reads it; arrays are copies that can be moved to another thread. */
export function valueAt(field: Field, vector: Vector, row: number): TaskValue {
  if (!vector.isValid(row)) return null
  if (isPixels(field)) return pixelsAt(field, vector, row)
  const value: unknown = vector.get(row)
  if (DataType.isFixedSizeList(field.type)) return (value as Vector<Float32>).toArray().slice()
  // Not `slice()`: on a Buffer that is a view.
  return value instanceof Uint8Array ? new Uint8Array(value) : (value as TaskValue)
}

/** A column of the values that tasks returned. */
export function columnOf(field: Field, values: readonly TaskValue[]): Column {
  if (isPixels(field)) return pixelsColumn(field, values as (Pixels | null)[])
  const type = field.type as DataType
  if (type instanceof FixedSizeList && DataType.isFloat(type.valueType as DataType))
    return float32Tensors(field as Field<FixedSizeList<Float32>>, values as (Float32Array | null)[])
  return { field, vector: vectorFromArray(values, type) }
}

function float32Tensors(
  field: Field<FixedSizeList<Float32>>,
  tensors: readonly (Float32Array | null)[],
): Column {
  const size = field.type.listSize
  const length = tensors.length
  const data = new Float32Array(size * length)
  tensors.forEach((tensor, row) => {
    if (tensor) data.set(tensor, row * size)
  })
  const child = makeData({ type: new Float32Type(), length: data.length, nullCount: 0, data })
  return {
    field,
    vector: makeVector(makeData({ type: field.type, length, ...validity(tensors), child })),
  }
}
