import {
  Message,
  type RecordBatch,
  RecordBatchFileWriter,
  type Schema,
  type Vector,
} from 'apache-arrow'
import { endOfStream } from '../batch/ipc.ts'

/** Where a message is in a file. */
export interface FileBlock {
  /** Its first byte. */
  readonly offset: number
  /** Bytes of the message, with its length. */
  readonly metaDataLength: number
  /** Bytes of what follows it. */
  readonly bodyLength: number
}

/** The formats of Arrow IPC. */
export type IpcFormat = 'file' | 'stream'

/** What it takes to go on, besides the bytes that were written. */
export interface IpcPosition {
  /** How many there are. */
  readonly bytes: number
  /** Messages with rows. */
  readonly batches: readonly FileBlock[]
  /** Messages with dictionaries. */
  readonly dictionaries: readonly FileBlock[]
}

/** What goes before the first message of a file, and to its end. */
const magic = Buffer.from('ARROW1\0\0')

/**
 * apache-arrow's writer of Arrow IPC, whose bytes are taken away after each batch, and which can go on with what
 * another one has begun. Its files begin with the schema, as the format asks for, which those of 21.2.0 do not.
 */
export class IpcWriter extends RecordBatchFileWriter {
  readonly #format: IpcFormat
  #pieces: Uint8Array[] = []

  constructor(format: IpcFormat) {
    super()
    this.#format = format
  }

  /** Where it is. */
  get position(): IpcPosition {
    return {
      bytes: this._position,
      batches: this._recordBatchBlocks.map(plain),
      dictionaries: this._dictionaryBlocks.map(plain),
    }
  }

  /** Starts with the schema. */
  begin(schema: Schema): Uint8Array {
    this.reset(undefined, schema)
    return this.#taken()
  }

  /** Goes on behind what was written of batches with `schema`, and these dictionaries. */
  resume(schema: Schema, position: IpcPosition, dictionaries: ReadonlyMap<number, Vector>): void {
    this._schema = schema
    this._started = true
    this._position = position.bytes
    this._recordBatchBlocks = [...position.batches]
    this._dictionaryBlocks = [...position.dictionaries]
    this._seenDictionaries = new Map(dictionaries)
    this._dictionaryDeltaOffsets = new Map(
      [...dictionaries].map(([id, { data }]) => [id, data.length]),
    )
  }

  /** The bytes of a batch, with those of the dictionaries that it needs. */
  encode(batch: RecordBatch): Uint8Array {
    this._writeRecordBatch(batch)
    return this.#taken()
  }

  /** The bytes of the end. */
  end(): Uint8Array {
    this.finish()
    return this.#taken()
  }

  protected override _write(chunk: Chunk): this {
    const { buffer, byteOffset, byteLength } = chunk as Uint8Array
    if (byteLength === 0) return this
    this.#pieces.push(new Uint8Array(buffer, byteOffset, byteLength))
    this._position += byteLength
    return this
  }

  protected override _writeSchema(schema: Schema): this {
    if (this.#format === 'file') this._write(magic)
    return this._writeMessage(Message.from(schema))
  }

  protected override _writeFooter(schema: Schema): this {
    return this.#format === 'file' ? super._writeFooter(schema) : this._write(endOfStream)
  }

  #taken(): Uint8Array {
    const taken = Buffer.concat(this.#pieces)
    this.#pieces = []
    return taken
  }
}

function plain({ offset, metaDataLength, bodyLength }: FileBlock): FileBlock {
  return { offset, metaDataLength, bodyLength }
}

type Chunk = Parameters<RecordBatchFileWriter['_write']>[0]
