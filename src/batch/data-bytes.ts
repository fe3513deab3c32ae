import type { Data } from 'apache-arrow'
import { hasNulls, layoutOf, type Offsets, type Values } from './take-data.ts'

/** Bytes that the rows of `data` take: of a slice only its own, a dictionary once and whole. */
export function dataBytes(data: Data): number {
  const bits = hasNulls(data) ? Math.ceil(data.length / 8) : 0
  const dictionary = (data.dictionary?.data ?? []).reduce(
    (n, part) => n + dataBytes(part as Data),
    0,
  )
  return bits + dictionary + valueBytes(data)
}

function valueBytes(data: Data): number {
  const { length, children } = data
  switch (layoutOf(data.type)) {
    case 'null':
      return 0
    case 'bool':
      return Math.ceil(length / 8)
    case 'fixed':
      return length * width(data)
    case 'view':
      return length * width(data) + data.variadicBuffers.reduce((n, b) => n + b.byteLength, 0)
    case 'bytes': {
      const { start, end } = bounds(data)
      return offsetBytes(data) + end - start
    }
    case 'list': {
      const { start, end } = bounds(data)
      return offsetBytes(data) + dataBytes((children[0] as Data).slice(start, end - start))
    }
    default:
      return children.reduce((n, child) => n + dataBytes(child), 0)
  }
}

function bounds({ valueOffsets, length }: Data): { start: number; end: number } {
  const offsets = valueOffsets as Offsets
  return { start: Number(offsets[0] ?? 0), end: Number(offsets[length] ?? 0) }
}

function offsetBytes({ valueOffsets, length }: Data): number {
  return (length + 1) * (valueOffsets as Offsets).BYTES_PER_ELEMENT
}

function width(data: Data): number {
  return (data.values as Values).BYTES_PER_ELEMENT * data.stride
}

/**
 * Adds to `bytes` what each row of `data` takes by itself: its values and offsets, without
 * the bits of nulls and the dictionary. So a row counts the same in whatever batch it comes.
 */
export function addRowBytes(data: Data, bytes: Float64Array): void {
  const { length, children } = data
  switch (layoutOf(data.type)) {
    case 'null':
      return
    case 'bool':
      addEach(bytes, 1)
      return
    case 'fixed':
      addEach(bytes, width(data))
      return
    case 'view': {
      const { buffer, byteOffset } = data.values as Uint8Array
      const words = new DataView(buffer, byteOffset)
      for (let i = 0; i < length; i++) {
        const size = words.getInt32(i * 16, true)
        bytes[i] = (bytes[i] as number) + 16 + (size > 12 ? size : 0)
      }
      return
    }
    case 'bytes':
      addRanges(data, bytes, (from, to) => to - from)
      return
    case 'list': {
      const upTo = bytesUpTo(children[0] as Data)
      addRanges(data, bytes, (from, to) => upTo(to) - upTo(from))
      return
    }
    case 'fixed-list': {
      const upTo = bytesUpTo(children[0] as Data)
      const n = data.stride
      for (let i = 0; i < length; i++)
        bytes[i] = (bytes[i] as number) + upTo((i + 1) * n) - upTo(i * n)
      return
    }
    case 'struct':
      for (const child of children) addRowBytes(child, bytes)
  }
}

function addEach(bytes: Float64Array, size: number): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) + size
}

function addRanges(
  data: Data,
  bytes: Float64Array,
  size: (from: number, to: number) => number,
): void {
  const offsets = data.valueOffsets as Offsets
  for (let i = 0; i < data.length; i++)
    bytes[i] =
      (bytes[i] as number) +
      offsets.BYTES_PER_ELEMENT +
      size(Number(offsets[i]), Number(offsets[i + 1]))
}

/** The bytes of the first so many values of a nested column. */
function bytesUpTo(child: Data): (count: number) => number {
  if (layoutOf(child.type) === 'fixed') {
    const size = width(child)
    return (count) => count * size
  }
  const bytes = new Float64Array(child.length)
  addRowBytes(child, bytes)
  const upTo = new Float64Array(child.length + 1)
  for (let i = 0; i < child.length; i++) upTo[i + 1] = (upTo[i] as number) + (bytes[i] as number)
  return (count) => upTo[count] as number
}

/** Bytes of memory that `data` keeps alive: the arrays it has views of, whole. */
export function retainedBytes(data: Data): number {
  const buffers = new Set<ArrayBufferLike>()
  collectBuffers(data, buffers)
  let bytes = 0
  for (const buffer of buffers) bytes += buffer.byteLength
  return bytes
}

function collectBuffers(data: Data, into: Set<ArrayBufferLike>): void {
  const own = data.buffers as unknown as readonly (Uint8Array | undefined)[]
  const views = [...own, ...data.variadicBuffers]
  for (const view of views) if (view) into.add(view.buffer)
  for (const child of data.children) collectBuffers(child, into)
}
