import { pipeline, Readable, type Writable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import { DataError, FlowError } from '../errors.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { type BytePath, bytePath } from '../pictures/walk-files.ts'

/** Something in a tar archive. */
export interface TarMember {
  /** Its name as bytes: data, never a path of this machine. */
  readonly name: BytePath
  /** What it is: `file`, `symlink`, `directory` … */
  readonly type: string
  /** How many bytes it has. */
  readonly size: number
  /** Where the next one begins, in the archive as it was before compression. */
  readonly end: number
  /** Reads what is in it, before the next one is asked for; what is not read is passed over. */
  readonly read: () => Promise<Uint8Array>
}

/** Which members are read. */
export interface TarReading {
  /** Whether the archive is compressed with gzip. */
  readonly gzip: boolean
  /** The end of the last member that is left out. */
  readonly from: number
  /** Ends the reading. */
  readonly signal: AbortSignal
}

/** What tar-stream says of a member, and its types leave out. */
interface Placed {
  /** Where its content begins, from where the reading began. */
  readonly byteOffset: number
  readonly type: Header['type'] | null
  readonly pax: Readonly<Record<string, string>> | null
}

const blockBytes = 512

/** What a byte of gzip inflates to at most: a pair of bits to 258 bytes. */
const inflateRatio = 1032

/**
 * The members of a tar archive (ustar, pax, GNU, and older), in its order. One that is not compressed is read from
 * `from` on, of another what comes before is passed over. The blocks of zeros at its end may be missing, as tar takes it.
 *
 * @throws {DataError} on the iterator, if it is cut within a member, damaged, or no tar archive
 */
export async function* tarMembers(
  bytes: ByteSource,
  { gzip, from, signal }: TarReading,
): AsyncGenerator<TarMember, undefined> {
  const { url } = bytes
  const stored = await bytes.size(signal)
  if (stored === 0) throw notTar(url, 'it is empty')
  const most = stored * (gzip ? inflateRatio : 1)
  const start = gzip ? 0 : from
  const options = { highWaterMark: 2 ** 16, filenameEncoding: 'latin1', allowUnknownFormat: true }
  const archive = extract(options)
  let failure: unknown
  const stages = [
    Readable.from(copied(bytes, start, signal), { objectMode: false }),
    ...(gzip ? [createGunzip()] : []),
    archive as unknown as Writable,
  ]
  // Whoever reads the members sees the error too, but maybe another one.
  pipeline(stages, (error) => {
    failure ??= error
  })
  /** What went wrong first: a stage tells the next ones of it in words of its own. */
  function broken(cause: unknown): unknown {
    const first = failure ?? cause
    return first instanceof FlowError ? first : notTar(url, reasonOf(first), first)
  }
  try {
    for await (const entry of archive) {
      const { name, size } = entry.header
      const { byteOffset, pax, type } = entry.header as unknown as Placed
      // Of a size that is no number tar-stream makes null, and waits for ever.
      if (!Number.isSafeInteger(size) || start + byteOffset + size > most)
        throw notTar(url, `a member of ${String(size)} bytes does not fit`)
      const end = start + byteOffset + Math.ceil(size / blockBytes) * blockBytes
      if (end > from)
        yield {
          name: pax?.['path'] === undefined ? name : bytePath(name),
          type: type ?? 'other',
          size,
          end,
          read: () =>
            contentOf(entry as AsyncIterable<Uint8Array>, size).catch((cause: unknown) => {
              throw broken(cause)
            }),
        }
      entry.resume()
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw broken(cause)
  } finally {
    archive.destroy()
  }
}

/** Pieces of a source are valid until the next one is asked for; a stream asks before they are used. */
async function* copied(
  bytes: ByteSource,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes.stream(start, signal)) yield Buffer.from(piece)
}

async function contentOf(entry: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const content = new Uint8Array(size)
  let at = 0
  for await (const piece of entry) {
    content.set(piece, at)
    at += piece.length
  }
  return content
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function notTar(url: string, why: string, cause?: unknown): DataError {
  return new DataError(`Expected ${url} to be a tar archive: ${why}`, { url }, { cause })
}
