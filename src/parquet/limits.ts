/**
 * What a Parquet file may ask of a reader, whatever it says of itself. Files that people keep stay
 * far below; beyond, a file is refused.
 */
export const parquetLimits = {
  /** Bytes of a footer. */
  footerBytes: 128 * 2 ** 20,
  /** Structs in a footer: a column chunk takes three or four, and a struct some 200 bytes of memory. */
  structs: 2 ** 21,
  /** Other values in a footer, at some 40 bytes of memory each. */
  values: 2 ** 23,
  /** Structs and lists within each other in a footer; the format has fewer than ten levels. */
  footerDepth: 32,
  /** Levels of a schema: the library decodes each within the one above. */
  schemaDepth: 64,
  /** Leaf columns of a schema. */
  leaves: 32_768,
  /** Bytes of memory that a thread may take to decode row groups of the default size. */
  memoryBytes: 1.5 * 2 ** 30,
  /** Threads that are kept for the next who needs one. */
  idleThreads: 2,
  /** Bytes of memory that a thread which is kept may hold, in WebAssembly and in buffers. */
  idleBytes: 16 * 2 ** 20,
} as const

/** Bytes of memory to decode a row group of so many bytes: it is held stored, decompressed and as Arrow. */
export function decodingBytes(rowGroupBytes: number): number {
  return Math.min(2 ** 32, Math.max(parquetLimits.memoryBytes, 3 * rowGroupBytes))
}
