import { type FileHandle, open } from 'node:fs/promises'
import { type Data, Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { concatData } from '../batch/concat-data.ts'
import { dataBytes, retainedBytes } from '../batch/data-bytes.ts'
import { decodeBatch, encodeBatch, encodeSchema, endOfStream } from '../batch/ipc.ts'
import { Rebatcher } from '../batch/rebatcher.ts'
import { sameType } from '../batch/schema.ts'
import { takeData } from '../batch/take-data.ts'

/** Rows of a block at most. */
export const blockRows = 4096

/** Bytes of a block at most, unless a single row takes more. */
export const blockBytes = 32 * 2 ** 20

/** Where a block of rows lies in a column file. */
interface Block {
  readonly row: number
  readonly rows: number
  readonly offset: number
  readonly bytes: number
}

/** What it takes to go on writing a column file. */
export interface ColumnFileState {
  /** Where it is. */
  readonly path: string
  /** What is in the file; anything behind is cut off. */
  readonly blocks: readonly Block[]
  /** The rows that are not in the file yet, as an Arrow IPC stream. */
  readonly held: Uint8Array | undefined
}

/**
 * One column on disk: an Arrow IPC stream, one batch per block. A block has at most 4,096 rows and
 * 32 MiB; where it ends depends on the rows alone.
 */
export class ColumnFile {
  readonly field: Field
  readonly path: string
  readonly #schema: Schema
  readonly #prefix: Uint8Array
  #blocks: Block[] = []

  constructor(field: Field, path: string) {
    this.field = field
    this.path = path
    this.#schema = new Schema([field])
    this.#prefix = encodeSchema(this.#schema)
  }

  /** A file that is whole, as its writer saved it. */
  static whole(field: Field, { path, blocks }: ColumnFileState): ColumnFile {
    const file = new ColumnFile(field, path)
    file.#blocks = [...blocks]
    return file
  }

  /** What it takes to find the rows of a whole file again. */
  save(): ColumnFileState {
    return { path: this.path, blocks: [...this.#blocks], held: undefined }
  }

  /** Rows in the file. */
  get numRows(): number {
    const last = this.#blocks.at(-1)
    return last ? last.row + last.rows : 0
  }

  /** Bytes in the file. */
  get bytes(): number {
    const last = this.#blocks.at(-1)
    return last ? last.offset + last.bytes : this.#prefix.length
  }

  /** Starts the file, or goes on where `state` ends. Holds less than one block. */
  async write(state?: ColumnFileState): Promise<ColumnWriter> {
    if (state) this.#blocks = [...state.blocks]
    const handle = await open(this.path, state ? 'r+' : 'wx')
    if (state) await handle.truncate(this.bytes)
    else await handle.write(this.#prefix)
    const writer = new ColumnWriter(this, handle, this.#blocks)
    if (state?.held) await writer.push(decodeBatch(state.held).data.children[0] as Data)
    return writer
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

  /** Opens the file for reading. Holds one block. */
  read(): ColumnReader {
    return new ColumnReader(this.path, this.#prefix, this.#blocks)
  }
}

/** Appends rows to a column file. */
export class ColumnWriter {
  readonly #file: ColumnFile
  readonly #handle: FileHandle
  readonly #blocks: Block[]
  readonly #rebatcher = new Rebatcher({ rows: blockRows, bytes: blockBytes })

  constructor(file: ColumnFile, handle: FileHandle, blocks: Block[]) {
    this.#file = file
    this.#handle = handle
    this.#blocks = blocks
  }

  /** Adds the rows of `data`; blocks that are full are written. */
  async push(data: Data): Promise<void> {
    for (const block of this.#rebatcher.push(this.#file.batch(alone(data))))
      await this.#append(block)
  }

  /** Bytes of memory that the rows held keep alive. */
  get retainedBytes(): number {
    const held = this.#rebatcher.held()
    return held ? retainedBytes(held.data) : 0
  }

  /** Makes what is written durable; returns what it takes to go on. */
  async save(): Promise<ColumnFileState> {
    await this.#handle.sync()
    const held = this.#rebatcher.held()
    return {
      path: this.#file.path,
      blocks: [...this.#blocks],
      held: held && encodeBatch(held),
    }
  }

  /** Writes what is held, and the end of the stream; `durably` waits until the disk has it. */
  async finish(durably: boolean): Promise<void> {
    for (const block of this.#rebatcher.flush()) await this.#append(block)
    await this.#handle.write(endOfStream, 0, endOfStream.length, this.#file.bytes)
    if (durably) await this.#handle.sync()
    await this.close()
  }

  /** Closes the file as it is. */
  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #append(batch: RecordBatch): Promise<void> {
    const { numRows: row, bytes: offset } = this.#file
    const bytes = this.#file.encode(batch.data.children[0] as Data)
    let written = 0
    while (written < bytes.length) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        written,
        bytes.length - written,
        offset + written,
      )
      written += bytesWritten
    }
    this.#blocks.push({ row, rows: batch.numRows, offset, bytes: bytes.length })
  }
}

/** Reads rows of a column file, block by block. */
export class ColumnReader {
  readonly #path: string
  readonly #prefix: Uint8Array
  readonly #blocks: readonly Block[]
  #handle: FileHandle | undefined
  #held: { readonly block: Block; readonly data: Data } | undefined

  constructor(path: string, prefix: Uint8Array, blocks: readonly Block[]) {
    this.#path = path
    this.#prefix = prefix
    this.#blocks = blocks
  }

  /** Where the block that holds `row` ends. */
  endOf(row: number): number {
    const { row: start, rows } = this.#blockOf(row)
    return start + rows
  }

  /** The rows `from` to `to` (half-open) in one piece; within a block they are not copied. */
  async rows(from: number, to: number): Promise<Data> {
    const parts: Data[] = []
    for (let at = from; at < to;) {
      const block = this.#blockOf(at)
      const data = await this.#load(block)
      const end = Math.min(to, block.row + block.rows)
      const whole = at === block.row && end === block.row + block.rows
      parts.push(whole ? data : data.slice(at - block.row, end - at))
      at = end
    }
    return concatData(parts)
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    this.#held = undefined
  }

  #blockOf(row: number): Block {
    const held = this.#held?.block
    if (held && row >= held.row && row < held.row + held.rows) return held
    let low = 0
    let high = this.#blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#blocks[middle] as Block).row <= row) low = middle
      else high = middle - 1
    }
    return this.#blocks[low] as Block
  }

  async #load(block: Block): Promise<Data> {
    if (this.#held?.block === block) return this.#held.data
    this.#handle ??= await open(this.#path, 'r')
    const prefix = this.#prefix.length
    const bytes = new Uint8Array(prefix + block.bytes + endOfStream.length)
    bytes.set(this.#prefix)
    bytes.set(endOfStream, prefix + block.bytes)
    let read = 0
    while (read < block.bytes) {
      const { bytesRead } = await this.#handle.read(
        bytes,
        prefix + read,
        block.bytes - read,
        block.offset + read,
      )
      if (bytesRead === 0)
        throw new Error(
          `Expected ${String(block.bytes)} bytes of a spilled block, got ${String(read)}`,
        )
      read += bytesRead
    }
    const data = decodeBatch(bytes).data.children[0] as Data
    this.#held = { block, data }
    return data
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
