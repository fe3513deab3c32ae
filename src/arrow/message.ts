import { FlatBuffer } from './flat-buffer.ts'

/** A part of the bytes that follow a message. */
export interface Region {
  /** Where it begins. */
  readonly offset: number
  /** How many bytes it has. */
  readonly length: number
}

/** How a body's buffers are compressed, each by itself. */
export type BodyCompression = 'lz4' | 'zstd'

/** What a message says of the columns whose buffers follow it. */
export interface StoredBatch {
  /** Rows. */
  readonly rows: number
  /** Length of each column, and whether it may have nulls, those within columns included, depth first. */
  readonly nodes: readonly { readonly length: number; readonly nulls: boolean }[]
  /** The buffers of these columns, in the same order. */
  readonly buffers: readonly Region[]
  /** How they are compressed. */
  readonly compression: BodyCompression | undefined
  /** For each column of views, how many buffers these point into. */
  readonly viewBuffers: readonly number[]
}

/** A message of an Arrow IPC stream. */
export type Message = { readonly bodyBytes: number } & (
  | { readonly kind: 'schema' }
  | { readonly kind: 'batch'; readonly batch: StoredBatch }
  | {
      readonly kind: 'dictionary'
      readonly id: number
      /** Whether its values go behind those of the dictionary that is there, and not in their place. */
      readonly delta: boolean
      readonly batch: StoredBatch
    }
)

/** Fields of the tables of `Message.fbs`, by their place. */
const message = { headerType: 1, header: 2, bodyLength: 3 }
const dictionaryBatch = { id: 0, data: 1, isDelta: 2 }
const recordBatch = { length: 0, nodes: 1, buffers: 2, compression: 3, variadicBufferCounts: 4 }
const bodyCompression = { codec: 0, method: 1 }

const structBytes = 16
const codecs: readonly (BodyCompression | undefined)[] = ['lz4', 'zstd']

/**
 * Decodes the flatbuffer of a message.
 *
 * @see https://github.com/apache/arrow/blob/main/format/Message.fbs
 * @throws {RangeError} if it is none
 */
export function decodeMessage(metadata: Uint8Array): Message {
  const tables = FlatBuffer.over(metadata)
  const root = tables.uint32(0)
  const bodyBytes = tables.lengthAt(root, message.bodyLength)
  const header = tables.follow(root, message.header)
  if (header === undefined) throw new RangeError('a message has no header')
  switch (tables.byteAt(root, message.headerType)) {
    case 1:
      return { kind: 'schema', bodyBytes }
    case 2: {
      const data = tables.follow(header, dictionaryBatch.data)
      if (data === undefined) throw new RangeError('a dictionary has no values')
      const id = tables.lengthAt(header, dictionaryBatch.id)
      const delta = (tables.byteAt(header, dictionaryBatch.isDelta) ?? 0) !== 0
      return {
        kind: 'dictionary',
        bodyBytes,
        id,
        delta,
        batch: storedBatch(tables, data, bodyBytes),
      }
    }
    case 3:
      return { kind: 'batch', bodyBytes, batch: storedBatch(tables, header, bodyBytes) }
    default:
      throw new RangeError('a message is neither a schema nor rows nor a dictionary')
  }
}

function storedBatch(tables: FlatBuffer, at: number, bodyBytes: number): StoredBatch {
  const buffers = tables.structs(at, recordBatch.buffers, structBytes).map((struct) => {
    const region = { offset: tables.length64(struct), length: tables.length64(struct + 8) }
    if (region.offset + region.length > bodyBytes)
      throw new RangeError(`a buffer ends beyond the ${String(bodyBytes)} bytes of its message`)
    return region
  })
  return {
    rows: tables.lengthAt(at, recordBatch.length),
    nodes: tables.structs(at, recordBatch.nodes, structBytes).map((struct) => ({
      length: tables.length64(struct),
      // apache-arrow writes -1 for a number that it has not counted.
      nulls: tables.view.getBigInt64(struct + 8, true) !== 0n,
    })),
    buffers,
    compression: compressionOf(tables, at),
    viewBuffers: tables
      .structs(at, recordBatch.variadicBufferCounts, 8)
      .map((count) => tables.length64(count)),
  }
}

function compressionOf(tables: FlatBuffer, at: number): BodyCompression | undefined {
  const table = tables.follow(at, recordBatch.compression)
  if (table === undefined) return undefined
  const codec = codecs[tables.byteAt(table, bodyCompression.codec) ?? 0]
  if (codec && (tables.byteAt(table, bodyCompression.method) ?? 0) === 0) return codec
  throw new RangeError('its buffers are compressed in a way that is neither LZ4 nor zstd')
}
