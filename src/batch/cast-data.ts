import {
  type Data,
  DataType,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  makeData,
  makeVector,
  Precision,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { bitmapBytes, copyBits, hasNulls, type Values } from './take-data.ts'

/** The types that values can be cast to. */
export const castTypes = {
  Int8: new Int8(),
  Int16: new Int16(),
  Int32: new Int32(),
  Int64: new Int64(),
  Uint8: new Uint8(),
  Uint16: new Uint16(),
  Uint32: new Uint32(),
  Uint64: new Uint64(),
  Float32: new Float32(),
  Float64: new Float64(),
  Utf8: new Utf8(),
} as const

/** Name of a type that values can be cast to. */
export type CastType = keyof typeof castTypes

/** Values of another type, and which of them it cannot hold. */
export interface Cast {
  /** As many values; at a misfit any. */
  readonly data: Data
  /** Places of the misfits, ascending. */
  readonly misfits: readonly number[]
}

/** A value before it is cast. */
type Given = number | bigint | boolean | string | null

/** Whether values of `type` can be cast: numbers, booleans, text, and dictionaries of them. */
export function castable(type: DataType): boolean {
  if (DataType.isDictionary(type)) return castable(type.dictionary as DataType)
  return DataType.isBool(type) || isNumber(type) || isText(type)
}

/** The values of `data`, which are {@link castable}, as `to`. Nulls stay, whatever lies under them. */
export function castData(data: Data, to: CastType): Cast {
  const given = valuesOf(data)
  if (to !== 'Utf8') return numbers(data, given, to)
  const texts = Array.from(given, (value, i) => (data.getValid(i) ? String(value) : null))
  return { data: vectorFromArray(texts, castTypes.Utf8).data[0] as Data, misfits: [] }
}

function numbers(data: Data, given: ArrayLike<Given>, to: Exclude<CastType, 'Utf8'>): Cast {
  const type = castTypes[to]
  const { length } = data
  const values = new type.ArrayType(length)
  const big = values instanceof BigInt64Array || values instanceof BigUint64Array
  const rounds = DataType.isFloat(type) && !DataType.isInt(data.type) && !DataType.isBool(data.type)
  const misfits: number[] = []
  for (let i = 0; i < length; i++) {
    if (!data.getValid(i)) continue
    const value = numberOf(given[i] as Given, big)
    values[i] = big ? whole(value) : Number(value)
    const made = values[i] as number | bigint
    if (!(rounds ? isRounded(made, value) : isSame(made, value))) misfits.push(i)
  }
  // To the compiler one of the types stands for all.
  const made = { type: type as Float64, length, ...nullsOf(data), data: values as Float64Array }
  return { data: makeData(made), misfits }
}

function valuesOf(data: Data): ArrayLike<Given> {
  const { type } = data
  const stored =
    DataType.isInt(type) || (DataType.isFloat(type) && type.precision !== Precision.HALF)
  return stored ? (data.values as Values).subarray(0, data.length) : [...makeVector(data)]
}

const wholeNumber = /^[+-]?\d+$/
const decimalNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/** Undefined of a text that is no number, or beyond all of them. */
function numberOf(value: Given, big: boolean): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (typeof value === 'boolean') return Number(value)
  const text = value?.trim() ?? ''
  if (big && wholeNumber.test(text)) return BigInt(text)
  const number = decimalNumber.test(text) ? Number(text) : Infinity
  return Number.isFinite(number) ? number : undefined
}

function whole(value: number | bigint | undefined): bigint {
  if (typeof value === 'bigint') return value
  return Number.isInteger(value) ? BigInt(value as number) : 0n
}

/** Between numbers and bigints these comparisons are exact; a NaN or undefined is not the same as anything. */
function isSame(made: number | bigint, value: number | bigint | undefined): boolean {
  return value !== undefined && made <= value && made >= value
}

/** NaN and the infinities stay what they are; no other number becomes one. */
function isRounded(made: number | bigint, value: number | bigint | undefined): boolean {
  if (value === undefined) return false
  return Number.isFinite(made) || !Number.isFinite(value)
}

function nullsOf(data: Data): { nullCount: number; nullBitmap: Uint8Array | null } {
  if (!hasNulls(data)) return { nullCount: 0, nullBitmap: null }
  const { nullBitmap: source, offset, length, nullCount } = data
  const nullBitmap = new Uint8Array(bitmapBytes(length))
  copyBits(nullBitmap, 0, { source, offset, length })
  return { nullCount, nullBitmap }
}

function isNumber(type: DataType): boolean {
  return DataType.isInt(type) || DataType.isFloat(type)
}

function isText(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type)
}
