import type { Schema } from 'apache-arrow'
import { DataError } from '../errors.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { ByteCursor } from './byte-cursor.ts'
import { FlatBuffer } from './flat-buffer.ts'
import type { IpcFormat } from './ipc-writer.ts'
import { decodeMessage, type Message, type Region } from './message.ts'
import { decodeFooterSchema, decodeStoredSchema } from './stored-schema.ts'

/** Reads parts of the bytes that follow a message; the parts ascend. */
export type ReadBody = (region: Region) => Promise<Uint8Array>

/** A message with rows or a dictionary, and how its body is read. */
export interface Stored {
  /** What it says. */
  readonly message: Exclude<Message, { kind: 'schema' }>
  /** Where it is. */
  readonly block: Block
  /** Reads what follows it, until the next message is asked for. */
  readonly body: ReadBody
}

/** Where a message is. */
export interface Block {
  /** Its first byte. */
  readonly offset: number
  /** Bytes of the message, with its length. */
  readonly metadataBytes: number
  /** Bytes of what follows it. */
  readonly bodyBytes: number
}

/** Arrow IPC, as a stream or a file with a footer. */
export interface ArrowFile {
  /** Which of them it is. */
  readonly format: IpcFormat
  /** The schema as it is stored. */
  readonly schema: Schema
  /**
   * The dictionaries, and the record batches from number `first` on, each behind the dictionaries that it needs.
   *
   * @throws {DataError} if it is cut or damaged
   */
  readonly messages: (first: number, signal: AbortSignal) => AsyncGenerator<Stored, undefined>
}

const magic = 'ARROW1'
/** Magic and padding, before the first message of a file. */
const headBytes = 8
/** Length of the footer and magic, at the end of a file. */
const tailBytes = 4 + magic.length
/** Goes before the length of a message, in streams written since 2019. */
const continuation = 0xffff_ffff
/** A longer message is none. */
const mostMessageBytes = 2 ** 26

/** Fields of the table of `File.fbs`, by their place. */
const footer = { dictionaries: 2, recordBatches: 3 }
const blockBytes = 24

/**
 * Opens Arrow IPC, which is a file if it begins with the magic of one, else a stream; reads the schema.
 *
 * @see https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 * @throws {DataError} if it is neither
 */
export async function openArrow(bytes: ByteSource, signal: AbortSignal): Promise<ArrowFile> {
  const size = await bytes.size(signal)
  const { url } = bytes
  if (size < headBytes) throw notArrow(url, `${String(size)} bytes are too few`)
  const head = Buffer.from(await bytes.read(0, headBytes, signal)).toString('latin1')
  if (head.startsWith('FEA1'))
    throw notArrow(url, 'it is Feather version 1, which is not read; save it as version 2')
  return head.startsWith(magic) ? openFooted(bytes, size, signal) : openStream(bytes, signal)
}

async function openStream(bytes: ByteSource, signal: AbortSignal): Promise<ArrowFile> {
  const start = cursorAt(bytes, 0, signal)
  try {
    const schema = await schemaAt(start, bytes.url)
    return { format: 'stream', schema, messages: (first, inner) => streamed(bytes, first, inner) }
  } finally {
    await start.close()
  }
}

async function* streamed(
  bytes: ByteSource,
  first: number,
  signal: AbortSignal,
): AsyncGenerator<Stored, undefined> {
  const { url } = bytes
  const cursor = cursorAt(bytes, 0, signal)
  try {
    await schemaAt(cursor, url)
    for (let index = 0; ;) {
      const offset = cursor.at
      const message = await messageAt(cursor, url)
      if (!message) break
      if (message.kind === 'schema') throw notArrow(url, 'another stream follows the first')
      const start = cursor.at
      const block = { offset, metadataBytes: start - offset, bodyBytes: message.bodyBytes }
      if (message.kind === 'dictionary' || index++ >= first)
        yield {
          message,
          block,
          async body(part) {
            await cursor.skip(start + part.offset - cursor.at)
            return cursor.take(part.length)
          },
        }
      await cursor.skip(start + message.bodyBytes - cursor.at)
    }
    if (!(await cursor.ended())) throw notArrow(url, 'something follows the end of its stream')
  } finally {
    await cursor.close()
  }
}

function cursorAt(bytes: ByteSource, at: number, signal: AbortSignal): ByteCursor {
  return new ByteCursor(bytes.stream(at, signal), { url: bytes.url, at })
}

async function schemaAt(cursor: ByteCursor, url: string): Promise<Schema> {
  const metadata = await metadataAt(cursor, url)
  return parsed(url, () => {
    if (!metadata || decodeMessage(metadata).kind !== 'schema')
      throw new RangeError('it does not begin with a schema')
    return decodeStoredSchema(metadata)
  })
}

async function messageAt(cursor: ByteCursor, url: string): Promise<Message | undefined> {
  const metadata = await metadataAt(cursor, url)
  return metadata && parsed(url, () => decodeMessage(metadata))
}

/** The flatbuffer of the next message; undefined at the end of the stream, which need not be marked. */
async function metadataAt(cursor: ByteCursor, url: string): Promise<Uint8Array | undefined> {
  if (await cursor.ended()) return undefined
  const word = uint32(await cursor.take(4))
  const length = word === continuation ? uint32(await cursor.take(4)) : word
  if (length === 0) return undefined
  if (length > mostMessageBytes) throw notArrow(url, `there is no message at ${String(cursor.at)}`)
  return cursor.take(length)
}

async function openFooted(
  bytes: ByteSource,
  size: number,
  signal: AbortSignal,
): Promise<ArrowFile> {
  const { url } = bytes
  if (size < headBytes + tailBytes) throw notArrow(url, `${String(size)} bytes are too few`)
  const tail = Buffer.from(await bytes.read(size - tailBytes, tailBytes, signal))
  if (tail.toString('latin1', 4) !== magic) throw notArrow(url, `it does not end in ${magic}`)
  const length = tail.readUInt32LE(0)
  const start = size - tailBytes - length
  if (length > mostMessageBytes || start < headBytes)
    throw notArrow(url, `a footer of ${String(length)} bytes does not fit`)
  const metadata = await bytes.read(start, length, signal)
  return parsed(url, () => {
    const tables = FlatBuffer.over(metadata)
    const dictionaries = blocks(tables, footer.dictionaries, start)
    const batches = blocks(tables, footer.recordBatches, start)
    async function* messages(first: number, inner: AbortSignal): AsyncGenerator<Stored, undefined> {
      for (const block of dictionaries)
        yield await storedAt(bytes, block, { kind: 'dictionary', signal: inner })
      for (const block of batches.slice(first))
        yield await storedAt(bytes, block, { kind: 'batch', signal: inner })
    }
    return { format: 'file', schema: decodeFooterSchema(metadata), messages }
  })
}

function blocks(tables: FlatBuffer, index: number, end: number): readonly Block[] {
  return tables.structs(tables.uint32(0), index, blockBytes).map((at) => {
    const block = {
      offset: tables.length64(at),
      metadataBytes: tables.uint32(at + 8),
      bodyBytes: tables.length64(at + 16),
    }
    if (block.offset + block.metadataBytes + block.bodyBytes > end)
      throw new RangeError('its footer points to something behind the data')
    return block
  })
}

async function storedAt(
  bytes: ByteSource,
  block: Block,
  { kind, signal }: { kind: Stored['message']['kind']; signal: AbortSignal },
): Promise<Stored> {
  const { url } = bytes
  const { offset, metadataBytes, bodyBytes } = block
  if (metadataBytes > mostMessageBytes)
    throw notArrow(url, `there is no message at ${String(offset)}`)
  const start = offset + metadataBytes
  const framed = await bytes.read(offset, metadataBytes, signal)
  const message = parsed(url, () => {
    const prefix = uint32(framed) === continuation ? 8 : 4
    return decodeMessage(framed.subarray(prefix))
  })
  if (message.kind !== kind || message.bodyBytes > bodyBytes)
    throw notArrow(url, `its footer says of the message at ${String(offset)} what that does not`)
  return { message, block, body: (part) => bytes.read(start + part.offset, part.length, signal) }
}

function uint32({ buffer, byteOffset, byteLength }: Uint8Array): number {
  return new DataView(buffer, byteOffset, byteLength).getUint32(0, true)
}

/** Makes what a parser finds wrong with the bytes an error that names them. */
export function parsed<T>(url: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof RangeError) throw notArrow(url, cause.message, cause)
    throw cause
  }
}

/** The error for what is not Arrow IPC, or damaged. */
export function notArrow(url: string, why: string, cause?: unknown): DataError {
  return new DataError(`Expected ${url} to be Arrow IPC: ${why}`, { url }, { cause })
}
