import { type Data, DataType } from 'apache-arrow'
import { SchemaError } from '../errors.ts'
import { typeName } from './schema.ts'

/** An array that Arrow keeps values in. */
export type Values =
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array

/** Where the values of variable length start: 32-bit, or 64-bit in the large types. */
export type Offsets = Int32Array | BigInt64Array

/** How a type keeps its values, which is all that moving rows has to know of it. */
export type Layout = 'null' | 'bool' | 'fixed' | 'bytes' | 'view' | 'list' | 'fixed-list' | 'struct'

/**
 * The layout of `type`.
 *
 * @throws {SchemaError} for a union or a run-end encoded type
 */
export function layoutOf(type: DataType): Layout {
  if (DataType.isNull(type)) return 'null'
  if (DataType.isBool(type)) return 'bool'
  if (DataType.isUtf8(type) || DataType.isBinary(type)) return 'bytes'
  if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) return 'bytes'
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) return 'view'
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type)) return 'list'
  if (DataType.isFixedSizeList(type)) return 'fixed-list'
  if (DataType.isStruct(type)) return 'struct'
  if (!DataType.isUnion(type)) return 'fixed'
  const column = type.children[0]?.name ?? ''
  throw new SchemaError(`Expected a column of one type, got ${typeName(type)}`, { column })
}

/** The rows of `data` at `rows`, in that order, of the same type and with the same dictionary. Copies. */
export function takeData(data: Data, rows: ArrayLike<number>): Data {
  const length = rows.length
  const nullBitmap = hasNulls(data) ? takeBits(data.nullBitmap, data.offset, rows) : undefined
  switch (layoutOf(data.type)) {
    case 'null':
      return data.clone(data.type, 0, length, length)
    case 'bool':
      return remake(data, length, {
        nullBitmap,
        values: takeBits(data.values as Uint8Array, data.offset, rows),
      })
    case 'fixed':
    case 'view':
      return remake(data, length, {
        nullBitmap,
        values: takeFixed(data.values as Values, data.stride, rows),
      })
    case 'bytes': {
      const ranges = rangesOf(data.valueOffsets as Offsets, rows)
      const values = copyRanges(data.values as Uint8Array, ranges, 1)
      return remake(data, length, { nullBitmap, valueOffsets: ranges.ends, values })
    }
    case 'list': {
      const ranges = rangesOf(data.valueOffsets as Offsets, rows)
      const children = data.children.map((child) => takeRanges(child, ranges))
      return remake(data, length, { nullBitmap, valueOffsets: ranges.ends, children })
    }
    case 'fixed-list': {
      const ranges = blocksOf(data.stride, rows)
      return remake(data, length, {
        nullBitmap,
        children: data.children.map((child) => takeRanges(child, ranges)),
      })
    }
    case 'struct':
      return remake(data, length, {
        nullBitmap,
        children: data.children.map((child) => takeData(child, rows)),
      })
  }
}

/** Whether a bit says of some row that it is null. Arrow's own count is -1 where it does not know, bitmap or not. */
export function hasNulls(data: Data): boolean {
  return (data.nullBitmap as Uint8Array | undefined) !== undefined && data.nullCount > 0
}

/** What a piece of data is made of. */
export interface Parts {
  /** A bit per row, set where it is not null; absent where none is. */
  readonly nullBitmap?: Uint8Array | undefined
  /** The values, or their bytes. */
  readonly values?: Values
  /** Where they start. */
  readonly valueOffsets?: Offsets
  /** The values of nested types. */
  readonly children?: readonly Data[]
  /** The bytes that views point into. */
  readonly variadicBuffers?: readonly Uint8Array[]
}

/** Data of the type, and with the dictionary, of `like`. */
export function remake(like: Data, length: number, parts: Parts): Data {
  const { nullBitmap, values, valueOffsets, children = [], variadicBuffers } = parts
  const buffers = [valueOffsets, values, nullBitmap] as unknown as Data['buffers']
  return like.clone(
    like.type,
    0,
    length,
    nullBitmap ? -1 : 0,
    buffers,
    [...children],
    variadicBuffers ?? like.variadicBuffers,
  )
}

/** Sets bit `at + i` of `target` where bit `offset + i` of `source` is set. */
export function copyBits(
  target: Uint8Array,
  at: number,
  { source, offset, length }: { source: Uint8Array; offset: number; length: number },
): void {
  let i = 0
  if (at % 8 === 0 && offset % 8 === 0) {
    const bytes = length >> 3
    target.set(source.subarray(offset >> 3, (offset >> 3) + bytes), at >> 3)
    i = bytes * 8
  }
  for (; i < length; i++) if (isSet(source, offset + i)) setBit(target, at + i)
}

/** Sets the bits of `target` from `at` on. */
export function fillBits(target: Uint8Array, at: number, length: number): void {
  const end = at + length
  let i = at
  for (; i < end && i % 8 !== 0; i++) setBit(target, i)
  const whole = i + ((end - i) & ~7)
  target.fill(255, i >> 3, whole >> 3)
  for (i = Math.max(i, whole); i < end; i++) setBit(target, i)
}

/** Bytes that hold `bits` bits, padded as Arrow likes it. */
export function bitmapBytes(bits: number): number {
  return Math.ceil(bits / 64) * 8
}

/** A zeroed array of the class of `like`. */
export function sameKind<A extends Values>(like: A, length: number): A {
  return new (like.constructor as new (length: number) => A)(length)
}

/** Offsets of the kind of `like`. */
export function offsetsLike(like: Offsets, ends: Float64Array): Offsets {
  if (like instanceof BigInt64Array) return BigInt64Array.from(ends, BigInt)
  const last = ends[ends.length - 1] ?? 0
  if (last > 0x7fff_ffff)
    throw new RangeError(
      `Expected at most 2,147,483,647 values in the lists of a batch, got ${String(last)}`,
    )
  return new Int32Array(ends)
}

interface Ranges {
  readonly starts: Float64Array
  readonly ends: Offsets
  readonly lengths: Float64Array
  readonly total: number
}

function rangesOf(offsets: Offsets, rows: ArrayLike<number>): Ranges {
  const starts = new Float64Array(rows.length)
  const lengths = new Float64Array(rows.length)
  const ends = new Float64Array(rows.length + 1)
  let total = 0
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number
    const start = Number(offsets[row])
    const length = Number(offsets[row + 1]) - start
    starts[i] = start
    lengths[i] = length
    ends[i + 1] = total += length
  }
  return { starts, lengths, ends: offsetsLike(offsets, ends), total }
}

function blocksOf(size: number, rows: ArrayLike<number>): Omit<Ranges, 'ends'> {
  const starts = new Float64Array(rows.length)
  for (let i = 0; i < rows.length; i++) starts[i] = (rows[i] as number) * size
  const lengths = new Float64Array(rows.length).fill(size)
  return { starts, lengths, total: rows.length * size }
}

function takeRanges(data: Data, ranges: Omit<Ranges, 'ends'>): Data {
  if (layoutOf(data.type) === 'fixed' && !hasNulls(data)) {
    const values = copyRanges(data.values as Values, ranges, data.stride)
    return remake(data, ranges.total, { values })
  }
  const rows = new Float64Array(ranges.total)
  let at = 0
  for (let i = 0; i < ranges.starts.length; i++) {
    const start = ranges.starts[i] as number
    const length = ranges.lengths[i] as number
    for (let j = 0; j < length; j++) rows[at++] = start + j
  }
  return takeData(data, rows)
}

/** Below this a loop is faster than a view and `set`. */
const shortRange = 32

function copyRanges<A extends Values>(
  values: A,
  { starts, lengths, total }: Omit<Ranges, 'ends'>,
  stride: number,
): A {
  const out = sameKind(values, total * stride)
  let at = 0
  for (let i = 0; i < starts.length; i++) {
    const start = (starts[i] as number) * stride
    const length = (lengths[i] as number) * stride
    if (length < shortRange)
      for (let j = 0; j < length; j++) out[at + j] = values[start + j] as never
    else out.set(values.subarray(start, start + length) as never, at)
    at += length
  }
  return out
}

function takeFixed(values: Values, stride: number, rows: ArrayLike<number>): Values {
  const out = sameKind(values, rows.length * stride)
  if (stride === 1)
    for (let i = 0; i < rows.length; i++) out[i] = values[rows[i] as number] as never
  else
    for (let i = 0; i < rows.length; i++) {
      const start = (rows[i] as number) * stride
      for (let j = 0; j < stride; j++) out[i * stride + j] = values[start + j] as never
    }
  return out
}

function takeBits(bits: Uint8Array, offset: number, rows: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(bitmapBytes(rows.length))
  for (let i = 0; i < rows.length; i++)
    if (isSet(bits, offset + (rows[i] as number))) setBit(out, i)
  return out
}

function isSet(bits: Uint8Array, at: number): boolean {
  return ((bits[at >> 3] as number) & (1 << (at & 7))) !== 0
}

function setBit(bits: Uint8Array, at: number): void {
  bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7))
}
