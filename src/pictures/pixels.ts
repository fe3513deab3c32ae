import {
  type Data,
  DataType,
  Field,
  FixedSizeList,
  Int32,
  List,
  makeData,
  makeVector,
  Struct,
  Uint8,
  type Vector,
} from 'apache-arrow'
import type { Column } from '../batch/batch.ts'
import { SchemaError } from '../errors.ts'
import { heavy } from '../batch/schema.ts'
import { fixedShapeTensor, tensorShape } from '../batch/tensor.ts'
import type { Pixels } from '../kernels/pixels.ts'

export type { Pixels } from '../kernels/pixels.ts'

/** Width and height that all pictures of a column have. */
export type PictureSize = Omit<Pixels, 'data'>

/**
 * A heavy column of pictures: Arrow's canonical `arrow.fixed_shape_tensor` if all have one size,
 * else `arrow.variable_shape_tensor`; uint8, shape height × width × 3.
 *
 * @see https://arrow.apache.org/docs/format/CanonicalExtensions.html#variable-shape-tensor
 */
export function pixelsField(name: string, size?: PictureSize): Field {
  if (size) return heavy(fixedShapeTensor(name, [size.height, size.width, 3], new Uint8()))
  const type = new Struct([
    new Field('data', new List(new Field('item', new Uint8(), false)), false),
    new Field('shape', new FixedSizeList(3, new Field('item', new Int32(), false)), false),
  ])
  const metadata = new Map([
    ['ARROW:extension:name', 'arrow.variable_shape_tensor'],
    ['ARROW:extension:metadata', JSON.stringify({ uniform_shape: [null, null, 3] })],
  ])
  return heavy(new Field(name, type, true, metadata))
}

/** Whether a field holds pictures, of one size or of many. */
export function isPixels(field: Field): boolean {
  if (field.metadata.get('ARROW:extension:name') === 'arrow.variable_shape_tensor') return true
  return pictureSize(field) !== undefined
}

/** The size that all pictures of a field have, or undefined where it varies. */
export function pictureSize(field: Field): PictureSize | undefined {
  const type = field.type as DataType
  if (!DataType.isFixedSizeList(type) || !DataType.isInt(type.valueType)) return undefined
  const [height, width, channels] = tensorShape(field)
  if (height === undefined || width === undefined || channels !== 3) return undefined
  return { height, width }
}

/**
 * Returns the field called `name`, checked to hold pictures.
 *
 * @throws {SchemaError} if it holds something else
 */
export function checkedPixels(field: Field, owner: string): Field {
  if (isPixels(field)) return field
  throw new SchemaError(
    `Expected column \`${field.name}\` of ${owner} to be pictures (uint8 height × width × 3), got ${String(field.type)}`,
    { column: field.name },
  )
}

/** The picture in `row`, copied. */
export function pixelsAt(field: Field, vector: Vector, row: number): Pixels | null {
  if (!vector.isValid(row)) return null
  const size = pictureSize(field)
  if (size) {
    const item = vector.get(row) as Vector<Uint8>
    return { ...size, data: item.toArray().slice() }
  }
  const item = vector.get(row) as { data: Vector<Uint8>; shape: Vector<Int32> }
  const [height = 0, width = 0] = item.shape.toArray()
  return { height, width, data: item.data.toArray().slice() }
}

/** A column of pictures, of a field made by {@link pixelsField}. Copies. */
export function pixelsColumn(field: Field, pictures: readonly (Pixels | null)[]): Column {
  const length = pictures.length
  const offsets = new Int32Array(length + 1)
  const shapes = new Int32Array(3 * length)
  const size = pictureSize(field)
  pictures.forEach((p, row) => {
    const bytes = size ? size.width * size.height * 3 : (p?.data.length ?? 0)
    offsets[row + 1] = (offsets[row] ?? 0) + bytes
    shapes.set([p?.height ?? 0, p?.width ?? 0, 3], 3 * row)
  })
  const values = new Uint8Array(offsets[length] ?? 0)
  pictures.forEach((p, row) => {
    if (p) values.set(p.data, offsets[row])
  })
  const child = makeData({ type: new Uint8(), length: values.length, nullCount: 0, data: values })
  const nulls = validity(pictures)
  if (size) {
    const type = field.type as FixedSizeList
    return { field, vector: makeVector(makeData({ type, length, ...nulls, child })) }
  }
  const type = field.type as Struct<{ data: List; shape: FixedSizeList }>
  const [dataType, shapeType] = type.children.map((c) => c.type as DataType) as [
    List,
    FixedSizeList,
  ]
  const sides = makeData({ type: new Int32(), length: shapes.length, nullCount: 0, data: shapes })
  const children = [
    makeData({ type: dataType, length, nullCount: 0, valueOffsets: offsets, child }),
    makeData({ type: shapeType, length, nullCount: 0, child: sides }),
  ] as Data[]
  return { field, vector: makeVector(makeData({ type, length, ...nulls, children })) }
}

/** Null count and bitmap of a column with these values. */
export function validity(values: readonly unknown[]): {
  nullCount: number
  nullBitmap: Uint8Array | null
} {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8))
  let nullCount = 0
  for (let row = 0; row < values.length; row++) {
    if (values[row] === null) nullCount++
    else nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7))
  }
  return { nullCount, nullBitmap: nullCount === 0 ? null : nullBitmap }
}
