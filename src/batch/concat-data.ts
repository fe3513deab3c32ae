import { type Data, type DataType, type Vector, vectorFromArray } from 'apache-arrow'
import { typeName } from './schema.ts'
import {
  bitmapBytes,
  copyBits,
  fillBits,
  hasNulls,
  layoutOf,
  type Offsets,
  offsetsLike,
  type Parts,
  remake,
  sameKind,
  type Values,
} from './take-data.ts'

/** The rows of `parts`, one after another, in one piece. All are of one type. Copies, unless there is one part. */
export function concatData(parts: readonly Data[]): Data {
  const [first] = parts
  if (!first) throw new Error('Expected at least one piece of data')
  if (parts.length === 1) return first
  const length = sum(parts.map((part) => part.length))
  const nullBitmap = validity(parts)
  switch (layoutOf(first.type)) {
    case 'null':
      return first.clone(first.type, 0, length, length)
    case 'bool':
      return remake(first, length, { nullBitmap, values: bools(parts, length) })
    case 'fixed':
      return isDictionary(first)
        ? dictionary(parts, length)
        : remake(first, length, { nullBitmap, values: fixed(parts) })
    case 'view':
      return remake(first, length, { nullBitmap, ...views(parts) })
    case 'bytes': {
      const cut = parts.map((part) => within(part, part.values as Uint8Array))
      return remake(first, length, {
        nullBitmap,
        valueOffsets: offsets(parts),
        values: joined(cut),
      })
    }
    case 'list':
      return remake(first, length, {
        nullBitmap,
        valueOffsets: offsets(parts),
        children: [concatData(parts.map((part) => childWithin(part)))],
      })
    case 'fixed-list':
      return remake(first, length, {
        nullBitmap,
        children: [concatData(parts.map((p) => childOf(p, p.length * p.stride)))],
      })
    case 'struct':
      return remake(first, length, {
        nullBitmap,
        children: first.children.map((_, i) =>
          concatData(parts.map((part) => part.children[i] as Data)),
        ),
      })
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

function isDictionary(data: Data): boolean {
  return data.dictionary !== undefined
}

function validity(parts: readonly Data[]): Uint8Array | undefined {
  if (!parts.some(hasNulls)) return undefined
  const bits = new Uint8Array(bitmapBytes(sum(parts.map((part) => part.length))))
  let at = 0
  for (const part of parts) {
    const { nullBitmap, offset, length } = part
    if (hasNulls(part)) copyBits(bits, at, { source: nullBitmap, offset, length })
    else fillBits(bits, at, length)
    at += length
  }
  return bits
}

function bools(parts: readonly Data[], length: number): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(length))
  let at = 0
  for (const { values, offset, length } of parts) {
    copyBits(bits, at, { source: values as Uint8Array, offset, length })
    at += length
  }
  return bits
}

function fixed(parts: readonly Data[]): Values {
  return joined(parts.map((p) => (p.values as Values).subarray(0, p.length * p.stride)))
}

function joined<A extends Values>(pieces: readonly A[]): A {
  const out = sameKind(pieces[0] as A, sum(pieces.map((piece) => piece.length)))
  let at = 0
  for (const piece of pieces) {
    out.set(piece as never, at)
    at += piece.length
  }
  return out
}

function bounds(data: Data): { start: number; end: number } {
  const at = data.valueOffsets as Offsets
  return { start: Number(at[0] ?? 0), end: Number(at[data.length] ?? 0) }
}

function within(data: Data, values: Uint8Array): Uint8Array {
  const { start, end } = bounds(data)
  return values.subarray(start, end)
}

function childWithin(data: Data): Data {
  const { start, end } = bounds(data)
  return (data.children[0] as Data).slice(start, end - start)
}

function childOf(data: Data, length: number): Data {
  const child = data.children[0] as Data
  return child.length === length ? child : child.slice(0, length)
}

function offsets(parts: readonly Data[]): Offsets {
  const ends = new Float64Array(sum(parts.map((part) => part.length)) + 1)
  let at = 0
  let end = 0
  for (const part of parts) {
    const from = part.valueOffsets as Offsets
    const shift = end - Number(from[0] ?? 0)
    for (let i = 1; i <= part.length; i++) ends[++at] = Number(from[i]) + shift
    end = ends[at] as number
  }
  return offsetsLike((parts[0] as Data).valueOffsets as Offsets, ends)
}

/** Bytes of a view; one longer than this many bytes names its buffer in its third word. */
const viewBytes = 16
const inlineBytes = 12

function views(parts: readonly Data[]): Parts {
  const values = joined(
    parts.map((p) => (p.values as Uint8Array).subarray(0, p.length * viewBytes)),
  )
  const words = new DataView(values.buffer)
  let at = 0
  let buffers = 0
  for (const { length, variadicBuffers } of parts) {
    for (const end = at + length * viewBytes; at < end; at += viewBytes) {
      if (words.getInt32(at, true) <= inlineBytes) continue
      words.setInt32(at + 8, words.getInt32(at + 8, true) + buffers, true)
    }
    buffers += variadicBuffers.length
  }
  return { values, variadicBuffers: parts.flatMap((part) => [...part.variadicBuffers]) }
}

/** Parts that share their dictionary keep it; else the distinct values of all, in order, make a new one. */
function dictionary(parts: readonly Data[], length: number): Data {
  const [first] = parts as readonly [Data]
  const nullBitmap = validity(parts)
  if (parts.every((part) => sameDictionary(part.dictionary, first.dictionary)))
    return remake(first, length, { nullBitmap, values: fixed(parts) })

  const known = new Map<unknown, number>()
  const kept: unknown[] = []
  const numbers = new Float64Array(length)
  let at = 0
  for (const part of parts) {
    const codes = renumber(part.dictionary as Vector, known, kept)
    const indices = part.values as Values
    for (let i = 0; i < part.length; i++, at++)
      if (part.getValid(i)) numbers[at] = codes[Number(indices[i])] as number
  }
  const values = sameKind(first.values as Values, length)
  if (values instanceof BigInt64Array || values instanceof BigUint64Array)
    for (let i = 0; i < length; i++) values[i] = BigInt(numbers[i] as number)
  else values.set(numbers)
  const most = 2 ** (8 * values.BYTES_PER_ELEMENT - (isSigned(values) ? 1 : 0))
  if (kept.length > most)
    throw new RangeError(
      `Expected at most ${String(most)} values in a dictionary of ${typeName(first.type)}, got ${String(kept.length)}`,
    )
  const type = (first.dictionary as Vector).type as DataType
  const made = remake(first, length, { nullBitmap, values })
  made.dictionary = vectorFromArray(kept, type)
  return made
}

function sameDictionary(a: Vector | undefined, b: Vector | undefined): boolean {
  if (a === b) return true
  return a?.data.length === b?.data.length && a?.data.every((d, i) => d === b?.data[i]) === true
}

/** The new code of each value of `from`; values not met before are added to `kept`. */
function renumber(from: Vector, known: Map<unknown, number>, kept: unknown[]): Int32Array {
  const codes = new Int32Array(from.length)
  for (let i = 0; i < from.length; i++) {
    const value: unknown = from.get(i)
    const key = typeof value === 'object' && value !== null ? JSON.stringify(value) : value
    let code = known.get(key)
    if (code === undefined) {
      code = kept.length
      known.set(key, code)
      kept.push(value)
    }
    codes[i] = code
  }
  return codes
}

function isSigned(values: Values): boolean {
  return /^(Big)?Int/.test(values.constructor.name)
}
