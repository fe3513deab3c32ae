import {
  type Data,
  Field,
  FixedSizeList,
  Float64,
  List,
  makeData,
  makeVector,
  Utf8,
  type Vector,
} from 'apache-arrow'
import type { Column } from '../batch/batch.ts'
import { validity } from '../pictures/pixels.ts'

const boxType = new FixedSizeList(4, new Field('item', new Float64(), false))

/**
 * A column of boxes, any number in a row: x and y of the upper left corner, width and height, in pixels, the
 * corner of the picture at 0, 0.
 */
export function boxesField(name: string): Field {
  return new Field(name, new List(new Field('item', boxType, false)), true)
}

/** The names that go with the boxes of a row, in their order; null where the dataset has none. */
export const boxLabelsField = new Field(
  'box_labels',
  new List(new Field('item', new Utf8(), true)),
  true,
)

/** Whether a field is one of {@link boxesField}. */
export function isBoxes(field: Field): boolean {
  return String(field.type) === String(new List(new Field('item', boxType, false)))
}

/** The boxes in `row`, four numbers after four numbers; null where there is no list. */
export function boxesAt(vector: Vector, row: number): Float64Array | null {
  const boxes = vector.get(row) as Iterable<Iterable<number>> | null
  return boxes && Float64Array.from(Array.from(boxes, (box) => [...box]).flat())
}

/** A column of boxes, four numbers after four numbers in each row. */
export function boxesColumn(field: Field, rows: readonly (ArrayLike<number> | null)[]): Column {
  const offsets = new Int32Array(rows.length + 1)
  rows.forEach((boxes, row) => {
    offsets[row + 1] = (offsets[row] ?? 0) + (boxes?.length ?? 0) / 4
  })
  const count = offsets[rows.length] ?? 0
  const values = new Float64Array(4 * count)
  rows.forEach((boxes, row) => {
    if (boxes) values.set(boxes, 4 * (offsets[row] ?? 0))
  })
  const numbers = makeData({
    type: new Float64(),
    length: values.length,
    nullCount: 0,
    data: values,
  })
  const child: Data = makeData({ type: boxType, length: count, nullCount: 0, child: numbers })
  const type = field.type as List
  const data = makeData({
    ...{ type, length: rows.length, ...validity(rows) },
    ...{ valueOffsets: offsets, child: child as never },
  })
  return { field, vector: makeVector(data) as Vector }
}

/** The numbers of a list of boxes, `[[x, y, width, height], …]`; undefined if it is none. */
export function boxNumbers(value: unknown): Float64Array | undefined {
  if (!Array.isArray(value)) return undefined
  const numbers = new Float64Array(4 * value.length)
  for (const [at, box] of (value as unknown[]).entries()) {
    if (!isBox(box)) return undefined
    numbers.set(box, 4 * at)
  }
  return numbers
}

/** Whether `value` is a list of four finite numbers. */
export function isBox(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length === 4 && value.every((v) => Number.isFinite(v))
}

/** The label of a picture whose boxes all have one; else null. */
export function commonLabel(labels: readonly (string | null)[]): string | null {
  const [first = null] = labels
  return labels.every((label) => label === first) ? first : null
}
