import { type List, type Struct, type TypeName, typeNames, type Value } from './thrift.ts'

/** Structs and lists within each other; a Parquet footer has fewer than ten levels. */
const maxDepth = 32

/**
 * Reads one struct from the start of `bytes`.
 *
 * Every element takes at least a byte, so what is made of n bytes is bounded by n.
 *
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 * @throws {RangeError} if the bytes end early or are not what the protocol allows
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

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  struct(depth: number): Struct {
    if (depth > maxDepth)
      throw new RangeError(`Expected at most ${String(maxDepth)} nested structs`)
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
    if (depth > maxDepth) throw new RangeError(`Expected at most ${String(maxDepth)} levels`)
    switch (type) {
      case 'bool':
        return { type, value: this.#byte() === 1 }
      case 'i8':
        return { type, value: (this.#byte() << 24) >> 24 }
      case 'i16':
      case 'i32':
        return { type, value: this.#int() }
      case 'i64':
        return { type, value: unzigzag(this.#varint()) }
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

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    throw new RangeError(`Expected a number of at most 10 bytes before ${String(this.#at)}`)
  }

  #int(): number {
    return Number(BigInt.asIntN(32, unzigzag(this.#varint())))
  }

  /** A length, refused at once when so many elements cannot follow. */
  #length(): number {
    const length = this.#varint()
    const left = this.#bytes.length - this.#at
    if (length > BigInt(left))
      throw new RangeError(`Expected at most ${String(left)} elements, got ${String(length)}`)
    return Number(length)
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
        this.#varint(zigzag(BigInt(id)))
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
        this.#varint(zigzag(BigInt(value.value)))
        break
      case 'i64':
        this.#varint(zigzag(value.value))
        break
      case 'double':
        this.#append(new Uint8Array(new Float64Array([value.value]).buffer))
        break
      case 'binary':
        this.#varint(BigInt(value.value.length))
        this.#append(value.value)
        break
      case 'list':
      case 'set':
        this.#list(value)
        break
      case 'map':
        this.#varint(BigInt(value.entries.length))
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
    if (size >= 15) this.#varint(BigInt(size))
    for (const value of values) this.#value(value)
  }

  #varint(value: bigint): void {
    let left = value
    while (left > 127n) {
      this.#byte(Number(left & 127n) | 128)
      left >>= 7n
    }
    this.#byte(Number(left))
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

function zigzag(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
}

function unzigzag(value: bigint): bigint {
  return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
}
