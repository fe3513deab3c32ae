import { decompress as inflateZstd } from 'fzstd'
import { decompressBlock } from 'lz4js'
import type { BodyCompression } from './message.ts'

/** The length before inflation stands in front of each buffer. */
const prefixBytes = 8
/** In its place, where a buffer would not become smaller. */
const notCompressed = -1n

/** How many bytes a stored buffer has once it is inflated. */
export function inflatedBytes(stored: Uint8Array): number {
  if (stored.length === 0) return 0
  const length = prefixOf(stored)
  if (length === notCompressed) return stored.length - prefixBytes
  if (length >= 0n && length <= Number.MAX_SAFE_INTEGER) return Number(length)
  throw new RangeError(`a compressed buffer says that it has ${String(length)} bytes`)
}

/**
 * The bytes of a buffer as it was before it was compressed; as many as {@link inflatedBytes} says, which is what
 * the caller has found to be not too many.
 *
 * @see https://arrow.apache.org/docs/format/Columnar.html#compression
 * @throws {RangeError} if they do not decompress, or are not as many
 */
export function inflate(stored: Uint8Array, compression: BodyCompression): Uint8Array {
  if (stored.length === 0) return stored
  const from = stored.subarray(prefixBytes)
  if (prefixOf(stored) === notCompressed) return from
  const out = new Uint8Array(inflatedBytes(stored))
  try {
    if (compression === 'lz4') inflateLz4(from, out)
    else inflateZstdFrame(from, out)
  } catch (cause) {
    throw new RangeError(`a buffer does not decompress as ${compression}`, { cause })
  }
  return out
}

function prefixOf(stored: Uint8Array): bigint {
  return viewOf(stored).getBigInt64(0, true)
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length)
}

/** What a Zstandard frame starts with. */
const zstdMagic = 0xfd2fb528
/** Bytes of the id of a dictionary, by its two bits in the descriptor. */
const dictionaryIdBytes = [0, 1, 2, 4]

/** fzstd 0.1.1 does not say how many bytes it has written: the frame has to. */
function inflateZstdFrame(from: Uint8Array, out: Uint8Array): void {
  const view = viewOf(from)
  if (view.getUint32(0, true) !== zstdMagic) throw new RangeError('Expected a Zstandard frame')
  const size = zstdSize(view)
  if (size !== undefined && size !== out.length) throw wrongSize(out.length, size)
  inflateZstd(from, out)
}

/** The size that a frame says its content has; see RFC 8878, 3.1.1.1. */
function zstdSize(view: DataView): number | undefined {
  const descriptor = view.getUint8(4)
  const single = (descriptor >> 5) & 1
  const at = 6 - single + (dictionaryIdBytes[descriptor & 3] ?? 0)
  switch (descriptor >> 6) {
    case 0:
      return single ? view.getUint8(at) : undefined
    case 1:
      return view.getUint16(at, true) + 256
    case 2:
      return view.getUint32(at, true)
    default:
      return Number(view.getBigUint64(at, true))
  }
}

const lz4Magic = 0x184d2204
const lz4Flags = { version: 0xc0, blockChecksum: 0x10, contentSize: 0x08, dictionary: 0x01 }
const storedBlock = 0x8000_0000
const mostBlockBytes = 2 ** 22

/**
 * Walks the blocks of a frame itself: lz4js 0.2.0 looks for the checksum of a block on the wrong side of it,
 * and runs on beyond the end of one that is cut.
 *
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
function inflateLz4(from: Uint8Array, out: Uint8Array): void {
  const view = viewOf(from)
  const flags = view.getUint8(4)
  if (view.getUint32(0, true) !== lz4Magic || (flags & lz4Flags.version) !== 0x40)
    throw new RangeError('Expected an LZ4 frame')
  // Behind flags and block size: the lengths that the flags tell of, and a checksum.
  let at = 7 + (flags & lz4Flags.contentSize ? 8 : 0) + (flags & lz4Flags.dictionary ? 4 : 0)
  let filled = 0
  for (;;) {
    const word = view.getUint32(at, true)
    at += 4
    if (word === 0) break
    const length = word % storedBlock
    const block = from.subarray(at, at + length)
    if (block.length < length || length > mostBlockBytes)
      throw new RangeError('Expected a whole block of at most 4 MiB')
    if (word >= storedBlock) {
      out.set(block, filled)
      filled += length
    } else filled = decompressBlock(block, out, 0, length, filled)
    if (filled > out.length) break
    at += length + (flags & lz4Flags.blockChecksum ? 4 : 0)
  }
  if (filled !== out.length) throw wrongSize(out.length, filled)
}

function wrongSize(expected: number, got: number): RangeError {
  return new RangeError(`Expected ${String(expected)} bytes, got ${String(got)}`)
}
