import { parquetLimits } from './limits.ts'
import { type List, type Struct, type TypeName, typeNames, type Value } from './thrift.ts'

const { footerDepth, structs: maxStructs, values: maxValues } = parquetLimits

// Longs are read and written in halves of 32 bits: V8 11.3 (Node 20) aborts the process when it optimizes
// BigInt.asUintN in a loop ("RepresentationChangerError").
const scratch = new DataView(new ArrayBuffer(8))

/**
 * Reads one struct from the start of `bytes`.
 *
 * Every element takes at least a byte, so what is made of n bytes is bounded by n, and in all by {@link parquetLimits}.
 *
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 * @throws {RangeError} if the bytes end early, are not what the protocol allows, or are too many values
 */
export function decodeStruct(bytes: Uint8Array): Struct {
  return new Decoder(bytes).struct(0)
}

/** Writes `struct` as {@link decodeStruct} reads it. */
export function encodeStruct(struct: Struct): Uint8Array {
  const encoder = new Encoder()
  encoder.struct(struct)
  return encoder.bytes()
}

class Decoder {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0
  #low = 0
  #high = 0
  #structs = 0
  #values = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  struct(depth: number): Struct {
    if (depth > footerDepth)
      throw new RangeError(`Expected at most ${String(footerDepth)} nested structs`)
    if (++this.#structs > maxStructs)
      throw new RangeError(`Expected at most ${String(maxStructs)} structs`)
    const fields = new Map<number, Value>()
    let id = 0
    for (;;) {
      const head = this.#byte()
      if (head === 0) return { type: 'struct', fields }
      id = head >> 4 === 0 ? this.#int() : id + (head >> 4)
      if (fields.has(id)) throw new RangeError(`Expected field ${String(id)} once`)
      const code = head & 15
      const type = typeName(code)
      fields.set(id, type === 'bool' ? { type, value: code === 1 } : this.#value(type, depth))
    }
  }

  #value(type: TypeName, depth: number): Value {
    if (depth > footerDepth) throw new RangeError(`Expected at most ${String(footerDepth)} levels`)
    if (++this.#values > maxValues)
      throw new RangeError(`Expected at most ${String(maxValues)} values`)
    switch (type) {
      case 'bool':
        return { type, value: this.#byte() === 1 }
      case 'i8':
        return { type, value: (this.#byte() << 24) >> 24 }
      case 'i16':
      case 'i32':
        return { type, value: this.#int() }
      case 'i64':
        return { type, value: this.#long() }
      case 'double':
        return { type, value: this.#view.getFloat64(this.#skip(8), true) }
      case 'binary':
        return { type, value: this.#slice(this.#length()) }
      case 'list':
      case 'set':
        return this.#list(type, depth + 1)
      case 'map':
        return this.#map(depth + 1)
      case 'struct':
        return this.struct(depth + 1)
    }
  }

  #list(type: 'list' | 'set', depth: number): Value {
    const head = this.#byte()
    const size = head >> 4 === 15 ? this.#length() : head >> 4
    const of = typeName(head & 15)
    const values: Value[] = []
    for (let i = 0; i < size; i++) values.push(this.#value(of, depth))
    return { type, of, values }
  }

  #map(depth: number): Value {
    const size = this.#length()
    if (size === 0) return { type: 'map', types: undefined, entries: [] }
    const head = this.#byte()
    const types = [typeName(head >> 4), typeName(head & 15)] as const
    const entries: [Value, Value][] = []
    for (let i = 0; i < size; i++)
      entries.push([this.#value(types[0], depth), this.#value(types[1], depth)])
    return { type: 'map', types, entries }
  }

  #byte(): number {
    return this.#view.getUint8(this.#skip(1))
  }

  #slice(length: number): Uint8Array {
    const start = this.#skip(length)
    return this.#bytes.slice(start, start + length)
  }

  #skip(length: number): number {
    const start = this.#at
    if (length > this.#bytes.length - start)
      throw new RangeError(
        `Expected ${String(length)} bytes at ${String(start)}, got ${String(this.#bytes.length - start)}`,
      )
    this.#at = start + length
    return start
  }

  /** Reads a number of 64 bits into `#low` and `#high`. */
  #varint(): void {
    this.#low = this.#high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte()
      const bits = byte & 127
      if (shift < 32) this.#low |= bits << shift
      if (shift > 28) this.#high |= bits << (shift - 32)
      else if (shift === 28) this.#high |= bits >> 4
      if (byte < 128) return
    }
    throw new RangeError(`Expected a number of at most 10 bytes before ${String(this.#at)}`)
  }

  #int(): number {
    this.#varint()
    return (this.#low >>> 1) ^ -(this.#low & 1)
  }

  #long(): bigint {
    this.#varint()
    const sign = -(this.#low & 1)
    scratch.setUint32(0, ((this.#low >>> 1) | (this.#high << 31)) ^ sign, true)
    scratch.setUint32(4, (this.#high >>> 1) ^ sign, true)
    return scratch.getBigInt64(0, true)
  }

  /** A length, refused at once when so many elements cannot follow. */
  #length(): number {
    this.#varint()
    const length = (this.#high >>> 0) * 2 ** 32 + (this.#low >>> 0)
    const left = this.#bytes.length - this.#at
    if (length > left)
      throw new RangeError(`Expected at most ${String(left)} elements, got ${String(length)}`)
    return length
  }
}

class Encoder {
  #buffer = new Uint8Array(1024)
  #length = 0

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length)
  }

  struct(struct: Struct): void {
    let last = 0
    for (const [id, value] of struct.fields) {
      const code = fieldCode(value)
      const delta = id - last
      if (delta >= 1 && delta <= 15) this.#byte((delta << 4) | code)
      else {
        this.#byte(code)
        this.#int(id)
      }
      if (value.type !== 'bool') this.#value(value)
      last = id
    }
    this.#byte(0)
  }

  #value(value: Value): void {
    switch (value.type) {
      case 'bool':
        this.#byte(value.value ? 1 : 2)
        break
      case 'i8':
        this.#byte(value.value & 255)
        break
      case 'i16':
      case 'i32':
        this.#int(value.value)
        break
      case 'i64':
        this.#long(value.value)
        break
      case 'double':
        this.#append(new Uint8Array(new Float64Array([value.value]).buffer))
        break
      case 'binary':
        this.#varint(value.value.length, 0)
        this.#append(value.value)
        break
      case 'list':
      case 'set':
        this.#list(value)
        break
      case 'map':
        this.#varint(value.entries.length, 0)
        if (value.types) this.#byte((codeOf(value.types[0]) << 4) | codeOf(value.types[1]))
        for (const pair of value.entries) for (const part of pair) this.#value(part)
        break
      case 'struct':
        this.struct(value)
    }
  }

  #list({ of, values }: List): void {
    const size = values.length
    this.#byte((Math.min(size, 15) << 4) | codeOf(of))
    if (size >= 15) this.#varint(size, 0)
    for (const value of values) this.#value(value)
  }

  #int(value: number): void {
    this.#long(BigInt(value))
  }

  #long(value: bigint): void {
    scratch.setBigInt64(0, value, true)
    const [low, high] = [scratch.getInt32(0, true), scratch.getInt32(4, true)]
    const sign = high >> 31
    this.#varint((low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign)
  }

  #varint(low: number, high: number): void {
    let [left, above] = [low >>> 0, high >>> 0]
    while (above > 0 || left > 127) {
      this.#byte((left & 127) | 128)
      left = ((left >>> 7) | (above << 25)) >>> 0
      above >>>= 7
    }
    this.#byte(left)
  }

  #byte(byte: number): void {
    const at = this.#grow(1)
    this.#buffer[at] = byte
  }

  #append(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length)
    this.#buffer.set(bytes, at)
  }

  /** Makes room for `count` bytes and returns where they go. */
  #grow(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(2 * this.#length)
      grown.set(this.#buffer)
      this.#buffer = grown
    }
    return at
  }
}

function typeName(code: number): TypeName {
  const name = typeNames[code]
  if (!name) throw new RangeError(`Expected a type from 1 to 12, got ${String(code)}`)
  return name
}

function codeOf(type: TypeName): number {
  return typeNames.indexOf(type)
}

function fieldCode(value: Value): number {
  return value.type === 'bool' && !value.value ? 2 : codeOf(value.type)
}
