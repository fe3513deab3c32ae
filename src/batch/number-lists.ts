import {
  type Data,
  DataType,
  type Field,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  List,
  makeData,
  makeVector,
} from 'apache-arrow'
import type { Column } from './batch.ts'
import { validity } from '../pictures/pixels.ts'

/** Values of a tensor, or of a list. */
export type Numbers = Float32Array | Float64Array | Int32Array

/** Whether a field holds as many numbers in each row: Float32, Float64 or Int32. */
export function isTensors({ type }: Field): boolean {
  return type instanceof FixedSizeList && arrayOf(type.valueType as DataType) !== undefined
}

/** A column of as many numbers in each row. Copies. */
export function tensorsOf(field: Field, rows: readonly (Numbers | null)[]): Column {
  const type = field.type as FixedSizeList<DataType>
  const values = filled(type.valueType, rows.length * type.listSize)
  rows.forEach((row, at) => {
    if (row) values.set(row, at * type.listSize)
  })
  const child = flat(values)
  return {
    field,
    vector: makeVector(makeData({ type, length: rows.length, ...validity(rows), child })),
  }
}

/** Whether a field holds any number of Float64, Int32 or tensors of these in each row. */
export function isNumberLists({ type }: Field): boolean {
  if (!(type instanceof List)) return false
  const item = type.valueType as DataType
  return arrayOf(item instanceof FixedSizeList ? (item.valueType as DataType) : item) !== undefined
}

/** A column of lists of numbers, or of tensors, whose values are given one after another. NaN becomes null, in a tensor all of it. */
export function numberListsOf(field: Field, rows: readonly (Numbers | null)[]): Column {
  const type = field.type as List<DataType>
  const item = type.valueType
  const size = item instanceof FixedSizeList ? item.listSize : 1
  const valueOffsets = new Int32Array(rows.length + 1)
  rows.forEach((row, at) => {
    valueOffsets[at + 1] = (valueOffsets[at] ?? 0) + (row?.length ?? 0) / size
  })
  const length = valueOffsets[rows.length] ?? 0
  const numbers = item instanceof FixedSizeList ? (item.valueType as DataType) : item
  const values = filled(numbers, length * size)
  const nulls: (true | null)[] = new Array<true>(length).fill(true)
  let at = 0
  for (const row of rows)
    for (const value of row ?? []) {
      if (Number.isNaN(value)) nulls[Math.floor(at / size)] = null
      values[at++] = value
    }
  const items = validity(nulls)
  const child: Data =
    item instanceof FixedSizeList
      ? makeData({ type: item, length, ...items, child: flat(values) })
      : flat(values, items)
  const data = makeData({
    ...{ type, length: rows.length, ...validity(rows) },
    ...{ valueOffsets, child: child as never },
  })
  return { field, vector: makeVector(data) }
}

function arrayOf(type: DataType): (new (length: number) => Numbers) | undefined {
  if (DataType.isInt(type)) return type.isSigned && type.bitWidth === 32 ? Int32Array : undefined
  if (!DataType.isFloat(type)) return undefined
  return [undefined, Float32Array, Float64Array][type.precision]
}

function filled(type: DataType, length: number): Numbers {
  return new (arrayOf(type) ?? Float64Array)(length)
}

/** Numbers one after another. */
function flat(
  data: Numbers,
  nulls: ReturnType<typeof validity> = { nullCount: 0, nullBitmap: null },
): Data {
  const rest = { length: data.length, ...nulls }
  if (data instanceof Int32Array) return makeData({ type: new Int32(), data, ...rest })
  if (data instanceof Float32Array) return makeData({ type: new Float32(), data, ...rest })
  return makeData({ type: new Float64(), data, ...rest })
}
