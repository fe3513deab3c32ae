/** The parts of a message, not yet joined. */
export type Parts = Uint8Array[]

/** A length-delimited field: a message, bytes, or text in UTF-8. */
export function lengthDelimited(field: number, parts: Parts): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
  return Buffer.concat([varint((field << 3) | 2), varint(length), ...parts])
}

/** A field of text. */
export function text(field: number, value: string): Uint8Array {
  return lengthDelimited(field, [Buffer.from(value)])
}

/** A varint field; negative numbers take the ten bytes of their two's complement. */
export function integer(field: number, value: number): Uint8Array {
  return Buffer.concat([varint(field << 3), varint(value)])
}

/** A field of four bytes. */
export function float(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(5)
  bytes[0] = (field << 3) | 5
  bytes.writeFloatLE(value, 1)
  return bytes
}

function varint(value: number): Uint8Array {
  const out: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  return Uint8Array.of(...out, Number(rest))
}

/** A field of a message. */
export interface Field {
  /** Its number. */
  readonly field: number
  /** With its tag, as it stands in the message: joined, the fields are the message again. */
  readonly whole: Uint8Array
  /** Of a varint, its value; else 0. */
  readonly integer: number
  /** Of a length-delimited field, its bytes; else none. */
  readonly content: Uint8Array
}

/**
 * The fields of a message, in their order. Nothing is copied.
 *
 * @throws {RangeError} if the bytes are no message
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0
  function readVarint(): number {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]
      if (byte === undefined || shift > 63n) throw new RangeError('Expected a whole number')
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return Number(BigInt.asIntN(64, value))
    }
  }
  while (at < message.length) {
    const from = at
    const tag = readVarint()
    const wire = tag & 7
    let integer = 0
    let content = 0
    if (wire === 0) integer = readVarint()
    else if (wire === 1) at += 8
    else if (wire === 5) at += 4
    else if (wire === 2) {
      content = readVarint()
      at += content
    } else throw new RangeError(`Expected a field of a known kind, got ${String(wire)}`)
    if (content < 0 || at > message.length) throw new RangeError('Expected a whole field')
    const whole = message.subarray(from, at)
    yield { field: tag >>> 3, whole, integer, content: message.subarray(at - content, at) }
  }
}

/** The text of a length-delimited field. */
export function textOf({ content }: Field): string {
  return new TextDecoder().decode(content)
}
