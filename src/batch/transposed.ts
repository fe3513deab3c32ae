import { type Data, type Field, makeVector, type Vector } from 'apache-arrow'
import type { Column } from './batch.ts'
import { takeData } from './take-data.ts'
import { reshaped, tensorShape } from './tensor.ts'

/** A field of tensors whose axis `i` is axis `axes[i]` of those of `field`. */
export function transposedField(field: Field, axes: readonly number[]): Field {
  const shape = tensorShape(field)
  return reshaped(
    field,
    axes.map((axis) => shape[axis] ?? 0),
  )
}

/**
 * The tensors of a column, of one piece, with their axes in the order `axes`. Copies, unless that is the order
 * in which they are; null rows stay.
 */
export function transposed(column: Column, axes: readonly number[]): Column {
  const field = transposedField(column.field, axes)
  if (axes.every((axis, i) => axis === i)) return { field, vector: column.vector }
  const [data] = column.vector.data as [Data]
  const { type, offset, length, nullCount, buffers, children } = data
  const order = sources(tensorShape(column.field), axes)
  const rows = new Int32Array(length * order.length)
  for (let row = 0, at = 0; row < length; row++)
    for (const source of order) rows[at++] = row * order.length + source
  const items = takeData(children[0] as Data, rows)
  const made = data.clone(type, offset, length, nullCount, buffers, [items])
  return { field, vector: makeVector(made) as Vector }
}

/** For each place of a transposed tensor, row-major, the place that its value comes from. */
function sources(shape: readonly number[], axes: readonly number[]): Int32Array {
  const strides = shape.map((_, axis) => product(shape.slice(axis + 1)))
  let places = [0]
  for (const axis of axes)
    places = places.flatMap((place) =>
      Array.from({ length: shape[axis] ?? 0 }, (_, i) => place + i * (strides[axis] ?? 0)),
    )
  return Int32Array.from(places)
}

function product(sides: readonly number[]): number {
  return sides.reduce((a, b) => a * b, 1)
}
