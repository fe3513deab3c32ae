import type { ByteSource } from '../../src/storage/byte-source.ts'

/** Bytes that come in pieces of `size`; counts the pieces that were asked for. */
export function inPieces(
  bytes: Uint8Array,
  size: number,
): ByteSource & { readonly pieces: () => number } {
  let pieces = 0
  return {
    url: 'bytes',
    pieces: () => pieces,
    size: () => Promise.resolve(bytes.length),
    read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
    // eslint-disable-next-line @typescript-eslint/require-await -- the same shape as a file
    async *stream(offset) {
      // One buffer for all, as a file has it: who keeps a piece has to copy it.
      const piece = new Uint8Array(size)
      for (let at = offset; at < bytes.length; at += size) {
        pieces++
        const part = bytes.subarray(at, at + size)
        piece.set(part)
        yield piece.subarray(0, part.length)
      }
    },
    close: () => Promise.resolve(),
  }
}
