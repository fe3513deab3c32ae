import { type FileHandle, open } from 'node:fs/promises'
import { ConnectorError } from '../errors.ts'
import { type ByteSource, cutShort } from './byte-source.ts'

/** Bytes of a piece of a stream. */
const pieceBytes = 2 ** 18

/**
 * Opens the file at `place`, a path or its bytes, for reading.
 *
 * @throws {ConnectorError} if it cannot be read
 */
export async function openFile(place: string | Buffer): Promise<ByteSource> {
  const path = String(place)
  const file = await open(place).catch((cause: unknown) => {
    throw fileError('read', path, cause)
  })
  return {
    url: path,
    async size() {
      const stat = await file.stat()
      if (stat.isFile()) return stat.size
      throw new ConnectorError(`Expected ${path} to be a file`, { url: path, retryable: false })
    },
    async read(offset, length, signal) {
      const bytes = new Uint8Array(length)
      const got = await fill(bytes, { file, path, offset, signal })
      if (got < length) throw cutShort(path, offset, { wanted: length, got })
      return bytes
    },
    async *stream(offset, signal) {
      const piece = new Uint8Array(pieceBytes)
      for (let at = offset; ;) {
        const got = await fill(piece, { file, path, offset: at, signal })
        if (got > 0) yield piece.subarray(0, got)
        if (got < piece.length) return
        at += got
      }
    },
    close: () => file.close(),
  }
}

interface From {
  readonly file: FileHandle
  readonly path: string
  readonly offset: number
  readonly signal: AbortSignal
}

/** Fills `bytes` as far as there are some; says how many. */
async function fill(bytes: Uint8Array, { file, path, offset, signal }: From): Promise<number> {
  signal.throwIfAborted()
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await file
      .read(bytes, filled, bytes.length - filled, offset + filled)
      .catch((cause: unknown) => {
        throw fileError('read', path, cause)
      })
    signal.throwIfAborted()
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

const passing: readonly unknown[] = ['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'EIO']

/** The error for a local file that the system refuses to read or write. */
export function fileError(intent: 'read' | 'write', path: string, cause: unknown): ConnectorError {
  const { message, code } = cause as NodeJS.ErrnoException
  return new ConnectorError(
    `Expected to ${intent} ${path}, got ${message}`,
    { url: path, retryable: passing.includes(code) },
    { cause },
  )
}
