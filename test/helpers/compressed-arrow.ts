import {
  CompressionType,
  compressionRegistry,
  type RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  type RecordBatchWriter,
} from 'apache-arrow'
import { compress as lz4 } from 'lz4js'

/** Arrow IPC whose buffers are compressed. */
export function compressedArrow(
  batches: readonly RecordBatch[],
  { codec, format }: { readonly codec: 'lz4' | 'zstd'; readonly format: 'file' | 'stream' },
): Uint8Array {
  const compressionType = codec === 'lz4' ? CompressionType.LZ4_FRAME : CompressionType.ZSTD
  const encode = codec === 'lz4' ? (data: Uint8Array) => lz4(data) : storedZstd
  compressionRegistry.set(compressionType, { encode })
  const Writer = format === 'file' ? RecordBatchFileWriter : RecordBatchStreamWriter
  const writer = withLengthsBefore(new Writer({ compressionType }))
  for (const batch of batches) writer.write(batch)
  writer.finish()
  return writer.toUint8Array(true)
}

/** A zstd frame whose blocks are not compressed. */
function storedZstd(data: Uint8Array): Uint8Array {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0, 0, 0, 0])
  head.writeUInt32LE(data.length, 5)
  head.writeUIntLE((data.length << 3) | 1, 9, 3)
  return Buffer.concat([head, data])
}

/** apache-arrow 21.2.0 writes the length after compression before a buffer; the format asks for the one before. */
function withLengthsBefore(writer: RecordBatchWriter): RecordBatchWriter {
  type Compress = (buffers: ArrayBufferView[]) => { buffers: Uint8Array[] }
  const internals = writer as unknown as { _compressBodyBuffers: Compress }
  const compress = internals._compressBodyBuffers.bind(writer)
  internals._compressBodyBuffers = (buffers) => {
    const made = compress(buffers)
    for (const [i, { byteLength }] of buffers.entries()) {
      const stored = made.buffers[2 * i]
      if (!stored || stored.length === 0) continue
      const prefix = Buffer.from(stored.buffer, stored.byteOffset, stored.length)
      if (prefix.readBigInt64LE() !== -1n) prefix.writeBigInt64LE(BigInt(byteLength))
    }
    return made
  }
  return writer
}
