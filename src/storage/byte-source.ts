import { DataError } from '../errors.ts'

/** Ranges of something that is stored somewhere: a local file, an HTTP resource or an object in a bucket. */
export interface ByteSource {
  /** Where it is, for errors; without passwords and signatures. */
  readonly url: string
  /** How many bytes it has. */
  size(signal: AbortSignal): Promise<number>
  /**
   * The bytes from `offset` on, exactly `length` of them.
   *
   * @throws {DataError} if it ends before
   */
  read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array>
  /**
   * The bytes from `offset` to the end, piece by piece, each when it is asked for. A piece is valid until the next
   * one is asked for.
   */
  stream(offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Lets go of what is open. */
  close(): Promise<void>
}

/** The error for something that ends too early. */
export function cutShort(
  url: string,
  offset: number,
  { wanted, got }: { readonly wanted: number; readonly got: number },
): DataError {
  return new DataError(
    `Expected ${String(wanted)} bytes at ${String(offset)} of ${url}, got ${String(got)}`,
    { url },
  )
}
