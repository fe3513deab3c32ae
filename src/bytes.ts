import { open } from 'node:fs/promises'
import { ConnectorError, DataError } from './errors.ts'

/** Ranges of something that is stored somewhere: a local file, later an HTTP resource or an S3 object. */
export interface ByteSource {
  /** Where it is, for errors. */
  readonly url: string
  /** How many bytes it has. */
  size(): Promise<number>
  /**
   * The bytes from `offset` on, exactly `length` of them.
   *
   * @throws {DataError} if it ends before
   */
  read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array>
  /** Lets go of what is open. */
  close(): Promise<void>
}

/**
 * Opens the file at `path` for reading.
 *
 * @throws {ConnectorError} if it cannot be read
 */
export async function openFile(path: string): Promise<ByteSource> {
  const file = await open(path).catch((cause: unknown) => {
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
      signal.throwIfAborted()
      const bytes = new Uint8Array(length)
      let filled = 0
      while (filled < length) {
        const { bytesRead } = await file
          .read(bytes, filled, length - filled, offset + filled)
          .catch((cause: unknown) => {
            throw fileError('read', path, cause)
          })
        signal.throwIfAborted()
        if (bytesRead === 0) throw cut(path, offset, length, filled)
        filled += bytesRead
      }
      return bytes
    },
    close: () => file.close(),
  }
}

function cut(path: string, offset: number, length: number, got: number): DataError {
  return new DataError(
    `Expected ${String(length)} bytes at ${String(offset)} of ${path}, got ${String(got)}`,
    { url: path },
  )
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
