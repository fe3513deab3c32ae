import { type Data, type Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { dataBytes, retainedBytes } from '../batch/data-bytes.ts'
import { encodeBatch, encodeSchema, endOfStream } from '../batch/ipc.ts'
import { type BatchFill, Rebatcher } from '../batch/rebatcher.ts'
import { sameType } from '../batch/schema.ts'
import { takeData } from '../batch/take-data.ts'
import type { Disk, DiskFile } from '../disk.ts'
import { DataError } from '../errors.ts'
import { ColumnPieces, savedBytes } from './column-pieces.ts'
import { ColumnReader } from './column-reader.ts'

/** Rows of a block at most. */
export const blockRows = 4096

/** Bytes of a block at most, unless a single row takes more. */
export const blockBytes = 32 * 2 ** 20

/** What it takes to go on writing a column file. */
export interface ColumnFileState {
  /** Its name in the folder of the table. */
  readonly name: string
  /** What is in the file; anything behind is cut off. */
  readonly pieces: Float64Array
  /** How full the block is that was under way. */
  readonly block: BatchFill
  /** Bytes of a block at most. */
  readonly blockBytes: number
}

/** What it takes to find a column file that is whole. */
export interface WholeFileState {
  /** Its name in the folder of the table. */
  readonly name: string
  /** Bytes of its batches, with the schema in front. */
  readonly bytes: number
  /** How many batches. */
  readonly pieces: number
}

/** Where a column file lies. */
export interface ColumnPlace {
  /** The file system. */
  readonly disk: Disk
  /** Where a name in the folder of the table is. */
  readonly pathOf: (name: string) => string
}

/**
 * One column on disk: an Arrow IPC stream, then where its batches lie. They are read in blocks of at
 * most 4,096 rows and 32 MiB, or the bytes that the writer was given; else their ends depend on the rows alone. A
 * block is one batch, or several if
 * checkpoints were taken before it was full: what is in the file is never written again.
 */
export class ColumnFile {
  readonly field: Field
  readonly name: string
  readonly #place: ColumnPlace
  readonly #schema: Schema
  readonly #prefix: Uint8Array
  #pieces: ColumnPieces

  constructor(field: Field, name: string, place: ColumnPlace) {
    this.field = field
    this.name = name
    this.#place = place
    this.#schema = new Schema([field])
    this.#prefix = encodeSchema(this.#schema)
    this.#pieces = new ColumnPieces(this.#prefix.length)
  }

  /**
   * A file that is whole, as it was saved.
   *
   * @throws {DataError} if it is cut
   */
  static async whole(
    field: Field,
    { name, bytes, pieces }: WholeFileState,
    place: ColumnPlace,
  ): Promise<ColumnFile> {
    const column = new ColumnFile(field, name, place)
    const saved = new Float64Array(savedBytes(pieces) / Float64Array.BYTES_PER_ELEMENT)
    const file = await place.disk.open(column.path, 'read')
    const read = await file
      .read(new Uint8Array(saved.buffer), bytes + endOfStream.length)
      .finally(() => file.close())
    if (read < saved.byteLength)
      throw new DataError(
        `Expected a column of ${String(pieces)} batches in ${column.path}, got a file that is cut`,
        { url: column.path },
      )
    column.#pieces = new ColumnPieces(column.#prefix.length, saved)
    return column
  }

  /** Where it is. */
  get path(): string {
    return this.#place.pathOf(this.name)
  }

  /** What it takes to find it again, once it is whole. */
  save(): WholeFileState {
    return { name: this.name, bytes: this.bytes, pieces: this.#pieces.length }
  }

  /** Rows in the file. */
  get numRows(): number {
    return this.#pieces.numRows
  }

  /** Bytes of its batches, with the schema in front. */
  get bytes(): number {
    return this.#pieces.end
  }

  /** Starts the file, or goes on where `state` ends, in blocks as before. Holds less than one block, of `limit` bytes at most. */
  async write(state?: ColumnFileState, limit = blockBytes): Promise<ColumnWriter> {
    const file = await this.#place.disk.open(this.path, state ? 'update' : 'create')
    this.#pieces = new ColumnPieces(this.#prefix.length, state?.pieces)
    try {
      await (state ? file.truncate(this.bytes) : file.write(this.#prefix, 0))
    } catch (error) {
      await file.close()
      throw error
    }
    const bytes = state?.blockBytes ?? limit
    const rebatcher = new Rebatcher({ rows: blockRows, bytes }, state?.block)
    return new ColumnWriter(this, file, this.#pieces, rebatcher)
  }

  /** A batch of this column alone. */
  batch(data: Data): RecordBatch {
    const type = new Struct(this.#schema.fields)
    const children = [sameType(this.field, data)]
    const made = makeData({ type, length: data.length, nullCount: 0, children })
    return new RecordBatch(this.#schema, made)
  }

  /** The bytes of a batch as they lie in the file: without the schema and the end of a stream. */
  encode(data: Data): Uint8Array {
    const bytes = encodeBatch(this.batch(data))
    return bytes.subarray(this.#prefix.length, bytes.length - endOfStream.length)
  }

  /** Opens the file for reading. Holds one piece of a block. */
  read(): ColumnReader {
    return new ColumnReader(this.path, this.#place.disk, this.#prefix, this.#pieces)
  }
}

/** Appends rows to a column file. */
export class ColumnWriter {
  readonly #column: ColumnFile
  readonly #file: DiskFile
  readonly #pieces: ColumnPieces
  readonly #rebatcher: Rebatcher
  /** Whether some of the block that is under way is in the file. */
  #begun: boolean

  constructor(column: ColumnFile, file: DiskFile, pieces: ColumnPieces, rebatcher: Rebatcher) {
    this.#column = column
    this.#file = file
    this.#pieces = pieces
    this.#rebatcher = rebatcher
    this.#begun = rebatcher.fill.rows > 0
  }

  /** Adds the rows of `data`; blocks that are full are written. */
  async push(data: Data): Promise<void> {
    for (const rest of this.#rebatcher.push(this.#column.batch(alone(data)))) {
      await this.#append(rest)
      this.#begun = false
    }
  }

  /** Bytes of memory that the rows held keep alive. */
  get retainedBytes(): number {
    const held = this.#rebatcher.held()
    return held ? retainedBytes(held.data) : 0
  }

  /** Writes what is held, and makes all of it durable; returns what it takes to go on. */
  async save(): Promise<ColumnFileState> {
    await this.#flush()
    await this.#file.sync()
    return {
      name: this.#column.name,
      pieces: this.#pieces.save(),
      block: this.#rebatcher.fill,
      blockBytes: this.#rebatcher.limits.bytes,
    }
  }

  /** Writes what is held, and the end of the file; `durably` waits until the disk has it. */
  async finish(durably: boolean): Promise<void> {
    await this.#flush()
    const { end } = this.#pieces
    await this.#file.write(endOfStream, end)
    await this.#file.write(new Uint8Array(this.#pieces.save().buffer), end + endOfStream.length)
    if (durably) await this.#file.sync()
    await this.close()
  }

  /** Closes the file as it is. */
  async close(): Promise<void> {
    await this.#file.close()
  }

  async #flush(): Promise<void> {
    const part = this.#rebatcher.part()
    if (part) await this.#append(part)
  }

  async #append(batch: RecordBatch): Promise<void> {
    if (batch.numRows === 0) return
    const bytes = this.#column.encode(batch.data.children[0] as Data)
    await this.#file.write(bytes, this.#pieces.end)
    this.#pieces.add({ rows: batch.numRows, bytes: bytes.length, begins: !this.#begun })
    this.#begun = true
  }
}

/** `data` itself, or a copy if it keeps much more alive than its own bytes: the other columns of its batch. */
function alone(data: Data): Data {
  if (retainedBytes(data) <= 2 * dataBytes(data) + 65_536) return data
  return takeData(
    data,
    Array.from({ length: data.length }, (_, row) => row),
  )
}
