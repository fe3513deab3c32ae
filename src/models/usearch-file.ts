import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { Metric } from '../kernels/distance.ts'

/** What the index in a file has to be. */
export interface UsearchShape {
  /** How many rows. */
  readonly numRows: number
  /** Values of a row. */
  readonly columns: number
  /** How far apart rows are. */
  readonly metric: Metric
}

const headBytes = 64
const graphHeadBytes = 40
/** Key and level of a node. */
const nodeHeadBytes = 10
const slotBytes = 4
/** 32-bit floats, 64-bit keys and 32-bit slots, as usearch 2 calls them. */
const kinds = { float32: 11, key: 14, slot: 15 }
/** The exponent of infinite values and NaN. */
const notFinite = 0x7f800000
const metrics: Readonly<Record<Metric, string>> = { cosine: 'c', euclidean: 'e' }
/** Bytes read at a time. */
const blockBytes = 2 ** 20

/**
 * Checks that a file is an index of usearch 2 that can be searched: `load` follows whatever numbers it
 * finds (2.25: a neighbour that is not there ends the process), so each of them is looked at before.
 *
 * The layout: rows and their bytes (2 × uint32), the rows, a head of 64 bytes, size, neighbours per node above
 * the bottom and at it, top level and first node (5 × uint64), the level of each node (int16), then each node:
 * its key (uint64), its level, and for each level from the bottom how many neighbours (uint32) and room for them.
 *
 * @throws {RangeError} if it is not
 */
export function checkUsearchFile(path: string, shape: UsearchShape): void {
  const file = openSync(path, 'r')
  try {
    checkIndex(new Reader(file), shape)
  } finally {
    closeSync(file)
  }
}

function checkIndex(reader: Reader, shape: UsearchShape): void {
  const { numRows, columns } = shape
  const rows = reader.take(8)
  equal('rows', rows.readUInt32LE(0), numRows)
  equal('bytes of a row', rows.readUInt32LE(4), 4 * columns)
  for (let row = 0; row < numRows; row++) checkFinite(reader.take(4 * columns), row)
  checkHead(reader.take(headBytes), shape)
  const head = reader.take(graphHeadBytes)
  const [size, above, bottom, top, first] = Array.from({ length: 5 }, (_, i) =>
    Number(head.readBigUInt64LE(8 * i)),
  ) as [number, number, number, number, number]
  equal('nodes', size, numRows)
  if (size > 0) {
    between('neighbours of a node', above, 1, 4096)
    between('neighbours at the bottom', bottom, 1, 4096)
    between('the first node', first, 0, size - 1)
    const levels = levelsOf(reader, size)
    equal('the top level', top, levels[first] ?? -1)
    checkNodes(reader, { levels, top, room: (level) => (level === 0 ? bottom : above) })
  }
  equal('bytes left', reader.left, 0)
}

function checkHead(head: Buffer, { columns, metric, numRows }: UsearchShape): void {
  const [magic, version, kind] = [0, 7, 13]
  if (head.toString('latin1', magic, version) !== 'usearch')
    throw new RangeError('Expected an index of usearch')
  equal('its version', head.readUInt16LE(version), 2)
  equal('the metric', head.toString('latin1', kind, kind + 1), metrics[metric])
  equal('the type of values', head[kind + 1], kinds.float32)
  equal('the type of keys', head[kind + 2], kinds.key)
  equal('the type of slots', head[kind + 3], kinds.slot)
  equal('rows present', Number(head.readBigUInt64LE(17)), numRows)
  equal('rows removed', Number(head.readBigUInt64LE(25)), 0)
  equal('columns', Number(head.readBigUInt64LE(33)), columns)
  equal('rows of one key', head[41], 0)
}

function checkFinite(values: Buffer, row: number): void {
  for (let at = 0; at < values.length; at += 4)
    if ((values.readUInt32LE(at) & notFinite) === notFinite)
      throw new RangeError(`Expected finite values, got others in row ${String(row)}`)
}

/** As many as the index has rows, which the file has held already. */
function levelsOf(reader: Reader, size: number): Int16Array {
  const levels = new Int16Array(size)
  for (let i = 0; i < size; i++) levels[i] = reader.take(2).readInt16LE(0)
  return levels
}

interface Graph {
  readonly levels: Int16Array
  readonly top: number
  /** Room for neighbours on a level. */
  readonly room: (level: number) => number
}

/** A neighbour on a level has that level too: its own neighbours there are looked up without asking. */
function checkNodes(reader: Reader, { levels, top, room }: Graph): void {
  const size = levels.length
  for (let node = 0; node < size; node++) {
    const level = levels[node] ?? 0
    between('the level of a node', level, 0, top)
    const head = reader.take(nodeHeadBytes)
    equal('the key of a node', Number(head.readBigUInt64LE(0)), node)
    equal('the level of a node', head.readInt16LE(8), level)
    for (let at = 0; at <= level; at++) {
      const list = reader.take(4 + slotBytes * room(at))
      const count = list.readUInt32LE(0)
      between('neighbours of a node', count, 0, room(at))
      for (let i = 0; i < count; i++) {
        const slot = list.readUIntLE(4 + slotBytes * i, slotBytes)
        if ((levels[slot] ?? -1) >= at) continue
        throw new RangeError(
          `Expected a neighbour on level ${String(at)}, got node ${String(slot)}`,
        )
      }
    }
  }
}

function equal(what: string, got: unknown, expected: unknown): void {
  if (got !== expected)
    throw new RangeError(`Expected ${what} to be ${String(expected)}, got ${String(got)}`)
}

function between(what: string, got: number, low: number, high: number): void {
  if (!(got >= low && got <= high))
    throw new RangeError(
      `Expected ${what} to be from ${String(low)} to ${String(high)}, got ${String(got)}`,
    )
}

/** Reads a file from its start, in blocks. */
class Reader {
  readonly #file: number
  readonly #size: number
  #block: Buffer = Buffer.alloc(0)
  #start = 0
  #at = 0

  constructor(file: number) {
    this.#file = file
    this.#size = fstatSync(file).size
  }

  /** Bytes that were not taken. */
  get left(): number {
    return this.#size - this.#at
  }

  /** The next bytes, valid until more are taken. */
  take(length: number): Buffer {
    if (length > this.left)
      throw new RangeError(`Expected ${String(length)} bytes more, got ${String(this.left)}`)
    if (this.#at - this.#start + length > this.#block.length) this.#fill(length)
    const from = this.#at - this.#start
    this.#at += length
    return this.#block.subarray(from, from + length)
  }

  #fill(length: number): void {
    this.#start = this.#at
    const block = Buffer.alloc(Math.min(this.left, Math.max(length, blockBytes)))
    const read = readSync(this.#file, block, 0, block.length, this.#start)
    if (read < length) throw new RangeError('Expected a file that does not change while it is read')
    this.#block = block.subarray(0, read)
  }
}
