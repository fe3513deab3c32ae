import type { DataError } from '../errors.ts'
import type { ReadBody } from './arrow-file.ts'
import { inflate, inflatedBytes } from './inflate.ts'
import type { Region, StoredBatch } from './message.ts'

/** Regions so near to each other are read at once. */
const gapBytes = 4096

/** How much may be read at once. */
export interface BufferLimit {
  /** Most bytes of a message's buffers, stored or inflated. */
  readonly maxBytes: number
  /** The error for more. */
  readonly tooLarge: (bytes: number) => DataError
}

/**
 * Reads the buffers at `indices` of a message's list, and inflates them.
 *
 * @throws {RangeError} if they do not inflate
 */
export async function readBuffers(
  { buffers, compression }: StoredBatch,
  indices: readonly number[],
  body: ReadBody,
  limit: BufferLimit,
): Promise<ReadonlyMap<number, Uint8Array>> {
  const wanted = indices.flatMap((index) => {
    const region = buffers[index]
    return region && region.length > 0 ? [{ index, region }] : []
  })
  require(wanted.reduce((sum, { region }) => sum + region.length, 0), limit)
  wanted.sort((a, b) => a.region.offset - b.region.offset)
  const read = new Map<number, Uint8Array>()
  for (let at = 0; at < wanted.length;) {
    const run = runAt(wanted, at)
    const bytes = await body(run.region)
    for (; at < run.end; at++) {
      const { index, region } = wanted[at] as Wanted
      const start = region.offset - run.region.offset
      read.set(index, bytes.subarray(start, start + region.length))
    }
  }
  if (!compression) return read
  const sizes = [...read.values()].map(inflatedBytes)
  require(sizes.reduce((sum, size) => sum + size, 0), limit)
  return new Map([...read].map(([index, bytes]) => [index, inflate(bytes, compression)]))
}

interface Wanted {
  readonly index: number
  readonly region: Region
}

/** The regions from `first` on that are read together, and the index behind them. */
function runAt(wanted: readonly Wanted[], first: number): { region: Region; end: number } {
  const { offset, length } = (wanted[first] as Wanted).region
  let until = offset + length
  let end = first + 1
  for (; end < wanted.length; end++) {
    const { region } = wanted[end] as Wanted
    if (region.offset > until + gapBytes) break
    until = Math.max(until, region.offset + region.length)
  }
  return { region: { offset, length: until - offset }, end }
}

function require(bytes: number, { maxBytes, tooLarge }: BufferLimit): void {
  if (bytes > maxBytes) throw tooLarge(bytes)
}
