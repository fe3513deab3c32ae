import { DataType, type Field, type Float32, type Vector, vectorFromArray } from 'apache-arrow'
import type { Column } from '../batch/batch.ts'
import {
  isNumberLists,
  isTensors,
  numberListsOf,
  type Numbers,
  tensorsOf,
} from '../batch/number-lists.ts'
import { boxesAt, isBoxes } from '../manifests/boxes.ts'
import { isPixels, type Pixels, pixelsAt, pixelsColumn } from '../pictures/pixels.ts'
import type { TaskValue } from './task.ts'

/** The value in `row` as a task reads it; arrays are copies that can be moved to another thread. */
export function valueAt(field: Field, vector: Vector, row: number): TaskValue {
  if (!vector.isValid(row)) return null
  if (isPixels(field)) return pixelsAt(field, vector, row)
  if (isBoxes(field)) return boxesAt(vector, row)
  const value: unknown = vector.get(row)
  if (DataType.isFixedSizeList(field.type)) return (value as Vector<Float32>).toArray().slice()
  // Not `slice()`: on a Buffer that is a view.
  return value instanceof Uint8Array ? new Uint8Array(value) : (value as TaskValue)
}

/** A column of the values that tasks returned. */
export function columnOf(field: Field, values: readonly TaskValue[]): Column {
  if (isPixels(field)) return pixelsColumn(field, values as (Pixels | null)[])
  if (isTensors(field)) return tensorsOf(field, values as (Numbers | null)[])
  if (isNumberLists(field)) return numberListsOf(field, values as (Float64Array | null)[])
  return { field, vector: vectorFromArray(values, field.type as DataType) }
}
