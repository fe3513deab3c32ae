import { Data, DataType, type Field, vectorFromArray, type Vector } from 'apache-arrow'
import { hasNulls, layoutOf, type Offsets, type Values } from '../batch/take-data.ts'
import type { StoredBatch } from './message.ts'
import { plainType } from './stored-schema.ts'

/** Where the parts of a column stand in the lists of a {@link StoredBatch}. */
export interface Place {
  /** Its first node. */
  readonly node: number
  /** Its first buffer. */
  readonly buffer: number
  /** Its first count of buffers of views. */
  readonly view: number
}

/** What a column is made of. */
export interface Loading {
  /** What the message says of it. */
  readonly stored: StoredBatch
  /** Its buffers, inflated, by their place in the message. */
  readonly buffers: ReadonlyMap<number, Uint8Array>
  /** The values of dictionaries. */
  readonly dictionaries: ReadonlyMap<number, Vector>
  /** Most bytes that the values of a column of views may take. */
  readonly maxBytes: number
}

const viewBytes = 16
/** Bytes of a view's value that are in the view itself. */
const inlineBytes = 12

/**
 * Where each of `fields` stands, and behind the last where the lists end.
 *
 * @throws {RangeError} if they end elsewhere
 */
export function placesOf(fields: readonly Field[], stored: StoredBatch): readonly Place[] {
  const places: Place[] = [{ node: 0, buffer: 0, view: 0 }]
  for (const { type } of fields)
    places.push(placeAfter(type as DataType, places.at(-1) as Place, stored))
  const { node, buffer } = places.at(-1) as Place
  const { nodes, buffers } = stored
  if (node === nodes.length && buffer === buffers.length) return places
  throw new RangeError(
    `its columns have ${String(node)} parts and ${String(buffer)} buffers, a message ${String(nodes.length)} and ${String(buffers.length)}`,
  )
}

function placeAfter(type: DataType, { node, buffer, view }: Place, stored: StoredBatch): Place {
  const layout = layoutOf(type)
  const own = { null: 0, bytes: 3, struct: 1, 'fixed-list': 1, bool: 2, fixed: 2, list: 2, view: 2 }
  const views = layout === 'view' ? 1 : 0
  const pointedInto = views === 1 ? (stored.viewBuffers[view] ?? 0) : 0
  let place = { node: node + 1, buffer: buffer + own[layout] + pointedInto, view: view + views }
  const nested = layout === 'list' || layout === 'fixed-list' || layout === 'struct'
  for (const child of nested ? type.children : [])
    place = placeAfter(child.type as DataType, place, stored)
  return place
}

/**
 * Puts the buffers of a message together to a column, and checks that they are as long as its rows need and
 * point to nothing outside, so that who reads it need not. Large types and views become plain ones; else nothing is copied.
 */
export class ColumnLoader {
  readonly #loading: Loading
  #node: number
  #buffer: number
  #view: number

  constructor(loading: Loading, { node, buffer, view }: Place) {
    this.#loading = loading
    this.#node = node
    this.#buffer = buffer
    this.#view = view
  }

  /**
   * The next column, which has `type`.
   *
   * @throws {RangeError} if the buffers do not fit
   */
  load(type: DataType): Data {
    const { length, nulls } = this.#loading.stored.nodes[this.#node++] ?? {
      length: 0,
      nulls: false,
    }
    const layout = layoutOf(type)
    if (layout === 'null') return new Data(type, 0, length, length)
    const bits = this.#next()
    const nullBitmap = nulls && bits.length > 0 ? atLeast(bits, Math.ceil(length / 8)) : undefined
    const shell = { type, length, nullBitmap }
    switch (layout) {
      case 'bool':
        return made(shell, { values: atLeast(this.#next(), Math.ceil(length / 8)) })
      case 'fixed':
        return this.#fixed(shell)
      case 'bytes': {
        const offsets = this.#offsets(type, length)
        const values = this.#next()
        requireAscending(offsets, length, values.length)
        return made(shell, { offsets, values })
      }
      case 'view':
        return this.#views(shell)
      case 'list': {
        const offsets = this.#offsets(type, length)
        const child = this.load(childType(type))
        requireAscending(offsets, length, child.length)
        return made(shell, { offsets, children: [child] })
      }
      default: {
        const each = DataType.isFixedSizeList(type) ? type.listSize : 1
        const fields = type.children
        const children = fields.map((field) =>
          exactly(this.load(field.type as DataType), length * each),
        )
        return made(shell, { children })
      }
    }
  }

  #next(): Uint8Array {
    return this.#loading.buffers.get(this.#buffer++) ?? new Uint8Array()
  }

  #fixed(shell: Shell): Data {
    const { type, length } = shell
    const kind = (DataType.isDictionary(type) ? type.indices : type) as DataType<never>
    const data = made(shell, { values: new Uint8Array() })
    const values = typed(this.#next(), kind.ArrayType as ValuesClass, length * data.stride)
    if (!DataType.isDictionary(type)) return made(shell, { values })
    const dictionary =
      this.#loading.dictionaries.get(type.id) ??
      vectorFromArray([], plainType(type.dictionary as DataType))
    const coded = made(shell, { values, dictionary })
    requireCodes(coded, dictionary.length)
    return coded
  }

  /** Where values start, with 32 bits. */
  #offsets(type: DataType, length: number): Int32Array {
    const large =
      DataType.isLargeUtf8(type) || DataType.isLargeBinary(type) || DataType.isLargeList(type)
    const bytes = this.#next()
    // Of no rows there may be no offset either.
    if (length === 0 && bytes.length === 0) return new Int32Array(1)
    if (!large) return typed(bytes, Int32Array, length + 1)
    const offsets = typed(bytes, BigInt64Array, length + 1)
    // One that does not fit is as bad as a negative one.
    return Int32Array.from(offsets, (offset) => (offset < 2n ** 31n ? Number(offset) : -1))
  }

  /** The values that views point to, one behind the other. */
  #views(shell: Shell): Data {
    const { length, nullBitmap } = shell
    const bytes = atLeast(this.#next(), length * viewBytes)
    const count = this.#loading.stored.viewBuffers[this.#view++] ?? 0
    const pointedInto = Array.from({ length: count }, () => this.#next())
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const offsets = new Int32Array(length + 1)
    const found: Uint8Array[] = []
    for (let row = 0, end = 0; row < length; row++) {
      if (!nullBitmap || isSet(nullBitmap, row)) {
        const value = viewed(words, row * viewBytes, { bytes, pointedInto })
        found.push(value)
        end += value.length
        if (end > this.#loading.maxBytes)
          throw new RangeError(`views point to more than ${String(this.#loading.maxBytes)} bytes`)
      }
      offsets[row + 1] = end
    }
    return made(shell, { offsets, values: joined(found, offsets[length] ?? 0) })
  }
}

interface Shell {
  readonly type: DataType
  readonly length: number
  readonly nullBitmap: Uint8Array | undefined
}

interface Parts {
  readonly offsets?: Offsets
  readonly values?: Values
  readonly children?: Data[]
  readonly dictionary?: Vector
}

function made({ type, length, nullBitmap }: Shell, parts: Parts): Data {
  const { offsets, values, children, dictionary } = parts
  const buffers = [offsets, values, nullBitmap] as unknown as Data['buffers']
  return new Data(plainType(type), 0, length, nullBitmap ? -1 : 0, buffers, children, dictionary)
}

function childType(type: DataType): DataType {
  return (type.children[0] as Field).type as DataType
}

function atLeast(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes
  throw new RangeError(
    `a buffer has ${String(bytes.length)} bytes, its rows need ${String(length)}`,
  )
}

type ValuesClass<A extends Values = Values> = (new (
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
) => A) & { readonly BYTES_PER_ELEMENT: number }

/** The first `length` numbers in `bytes`; copied only where they are not aligned. */
function typed<A extends Values>(bytes: Uint8Array, kind: ValuesClass<A>, length: number): A {
  if (!Number.isSafeInteger(length) || length < 0)
    throw new RangeError('a type has values of less than no bytes')
  const needed = atLeast(bytes, length * kind.BYTES_PER_ELEMENT)
  const { buffer, byteOffset } =
    needed.byteOffset % kind.BYTES_PER_ELEMENT === 0 ? needed : needed.slice()
  return new kind(buffer, byteOffset, length)
}

function exactly(data: Data, length: number): Data {
  if (data.length === length) return data
  if (data.length > length && length >= 0) return data.slice(0, length)
  throw new RangeError(
    `a nested column has ${String(data.length)} values, its rows need ${String(length)}`,
  )
}

function requireAscending(offsets: Int32Array, length: number, end: number): void {
  let last = offsets[0] as number
  let ascending = last >= 0
  for (let i = 1; i <= length; i++) {
    const offset = offsets[i] as number
    ascending &&= offset >= last
    last = offset
  }
  if (!ascending || last > end)
    throw new RangeError('a column has values that begin or end outside its bytes')
}

function requireCodes(codes: Data, values: number): void {
  const nulls = hasNulls(codes)
  const all = codes.values as Values
  for (let row = 0; row < codes.length; row++) {
    const code = Number(all[row])
    if ((code >= 0 && code < values) || (nulls && !isSet(codes.nullBitmap, row))) continue
    throw new RangeError(
      `row ${String(row)} has value ${String(code)} of a dictionary of ${String(values)}`,
    )
  }
}

function isSet(bits: Uint8Array, row: number): boolean {
  return ((bits[row >> 3] as number) & (1 << (row & 7))) !== 0
}

function viewed(
  words: DataView,
  at: number,
  { bytes, pointedInto }: { bytes: Uint8Array; pointedInto: readonly Uint8Array[] },
): Uint8Array {
  const length = words.getInt32(at, true)
  const inline = length <= inlineBytes
  const buffer = inline ? bytes : pointedInto[words.getInt32(at + 8, true)]
  const start = inline ? at + 4 : words.getInt32(at + 12, true)
  if (length >= 0 && start >= 0 && buffer && start + length <= buffer.length)
    return buffer.subarray(start, start + length)
  throw new RangeError('a view points to nothing')
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
