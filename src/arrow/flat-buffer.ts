/**
 * What is needed of the flatbuffers layout: tables with a table of offsets, and vectors of offsets or structs.
 * A place outside the bytes is a `RangeError`.
 *
 * @see https://flatbuffers.dev/internals/
 */
export class FlatBuffer {
  /** The bytes. */
  readonly view: DataView
  readonly #bytes: Buffer
  #visited = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Reads `bytes`. */
  static over({ buffer, byteOffset, length }: Uint8Array): FlatBuffer {
    return new FlatBuffer(Buffer.from(buffer, byteOffset, length))
  }

  /** The unsigned integer of 32 bits at `at`. */
  uint32(at: number): number {
    return this.view.getUint32(at, true)
  }

  /** The count, length or place of 64 bits at `at`. */
  length64(at: number): number {
    const value = Number(this.view.getBigInt64(at, true))
    if (value >= 0 && Number.isSafeInteger(value)) return value
    throw new RangeError(`Expected a length, got ${String(value)}`)
  }

  /** The length in field `index` of the table at `at`; 0 if it is left out. */
  lengthAt(at: number, index: number): number {
    const slot = this.slot(at, index)
    return slot === undefined ? 0 : this.length64(slot)
  }

  /** Where field `index` of the table at `at` is, if it is there. */
  slot(at: number, index: number): number | undefined {
    const offsets = at - this.view.getInt32(at, true)
    const entry = 4 + 2 * index
    if (entry >= this.view.getUint16(offsets, true)) return undefined
    const offset = this.view.getUint16(offsets + entry, true)
    return offset === 0 ? undefined : at + offset
  }

  /** The byte in field `index` of the table at `at`. */
  byteAt(at: number, index: number): number | undefined {
    const slot = this.slot(at, index)
    return slot === undefined ? undefined : this.view.getUint8(slot)
  }

  /** What field `index` of the table at `at` points to. */
  follow(at: number, index: number): number | undefined {
    const slot = this.slot(at, index)
    return slot === undefined ? undefined : slot + this.uint32(slot)
  }

  /** What the elements of the vector at `at` point to. */
  elements(at: number): number[] {
    const count = this.uint32(at)
    // An offset takes 4 bytes, and vectors of fields are read up to four times; damaged ones overlap.
    this.#visited += count
    if (this.#visited > this.#bytes.length) throw new RangeError('Expected fewer fields than bytes')
    return Array.from({ length: count }, (_, i) => {
      const slot = at + 4 + 4 * i
      return slot + this.uint32(slot)
    })
  }

  /** Where the structs of the vector in field `index` of the table at `at` are; each has `size` bytes. */
  structs(at: number, index: number, size: number): number[] {
    const vector = this.follow(at, index)
    if (vector === undefined) return []
    const count = this.uint32(vector)
    if (count * size > this.#bytes.length) throw new RangeError('Expected fewer entries than bytes')
    return Array.from({ length: count }, (_, i) => vector + 4 + i * size)
  }

  /** The text at `at`. */
  text(at: number): string {
    return this.#bytes.toString('utf8', at + 4, at + 4 + this.uint32(at))
  }
}
