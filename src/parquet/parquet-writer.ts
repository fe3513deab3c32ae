import {
  DataType,
  RecordBatch,
  RecordBatchStreamWriter,
  type Schema,
  Table,
  tableFromIPC,
} from 'apache-arrow'
import { batchOf, columnsOf, concat, rowBytes } from '../batch/batch.ts'
import { encodeBatch } from '../batch/ipc.ts'
import { SchemaError } from '../errors.ts'
import type { Output } from '../output/output.ts'
import { differentSchemas } from '../batch/schema.ts'
import { encodeFooter, movedGroup, sameColumns, withRowGroups } from './footer-edit.ts'
import { decodeFooter, magic } from './footer.ts'
import type { ParquetThread } from './parquet-thread.ts'
import type { ParquetCompression } from './parquet-worker.ts'
import { decodeStruct, encodeStruct } from './thrift-codec.ts'
import type { Struct } from './thrift.ts'

/** How a file is cut and compressed. */
export interface ParquetLayout {
  /** Most rows of a row group. */
  readonly rowGroupRows: number
  /** Most bytes of a row group's rows in memory; a row that is larger has a group of its own. */
  readonly rowGroupBytes: number
  /** Compression of the pages. */
  readonly compression: ParquetCompression
  /** Whether texts are written with a dictionary of their values. */
  readonly dictionary: boolean
}

/** What it takes to go on with a file, besides its bytes. */
export interface ParquetState {
  /** The footer of the row groups written, or undefined before the first. */
  readonly footer: Uint8Array | undefined
  /** Rows that wait for their row group, as an Arrow IPC stream. */
  readonly waiting: Uint8Array | undefined
}

/** A footer that grows: the last one read, and the row groups so far. */
interface Written {
  readonly struct: Struct
  /** Encoded: as structs they take some forty times as much memory. */
  readonly rowGroups: Uint8Array[]
  rows: number
}

/**
 * Writes a Parquet file row group by row group. Each is written by the library as a file of its own;
 * its pages are copied and its footer entry joins the others.
 *
 * Groups are cut where the rows or their bytes reach the limit, whatever batches they came in,
 * and each is written from one batch: equal rows give equal bytes.
 *
 * - Memory: the rows of one group, and another one's while it is being written.
 */
export class ParquetWriter {
  readonly #layout: ParquetLayout
  readonly #thread: ParquetThread
  readonly #file: Output
  #schema: Schema | undefined
  #waiting: RecordBatch[] = []
  #waitingRows = 0
  #waitingBytes = 0
  #pushed = 0
  #written: Written | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(file: Output, layout: ParquetLayout, thread: ParquetThread) {
    this.#file = file
    this.#layout = layout
    this.#thread = thread
  }

  /** Adds rows. All batches need the columns and types of the first. */
  async write(batch: RecordBatch): Promise<void> {
    const { rowGroupRows, rowGroupBytes } = this.#layout
    const rows = this.#conforming(batch)
    const bytes = rowBytes(rows)
    let start = 0
    for (let row = 0; row < rows.numRows; row++) {
      const size = bytes[row] ?? 0
      const over = this.#waitingRows > 0 && this.#waitingBytes + size > rowGroupBytes
      if (over || this.#waitingRows === rowGroupRows) {
        this.#wait(rows, start, row)
        start = row
        await this.#cut()
      }
      this.#waitingRows++
      this.#waitingBytes += size
    }
    this.#wait(rows, start, rows.numRows)
  }

  /** Rows given so far. */
  get rows(): number {
    return this.#pushed
  }

  /** Has all groups that were cut in the file; rows that wait for theirs are part of the state. */
  async save(): Promise<ParquetState> {
    await this.#writing
    const waiting = this.#waiting.length > 0 ? ipcOf(concat(this.#waiting)) : undefined
    const footer = this.#written && encodeStruct(joined(this.#written))
    return { footer, waiting }
  }

  /** Goes on as {@link save} left it. */
  async restore(state: ParquetState): Promise<void> {
    if (state.footer) {
      const struct = decodeStruct(state.footer)
      const { rowGroups, numRows } = decodeFooter(state.footer)
      this.#written = {
        struct,
        rowGroups: rowGroups.map((g) => encodeStruct(g.struct)),
        rows: numRows,
      }
      this.#pushed = numRows
    }
    const waiting = state.waiting && tableFromIPC(state.waiting).batches[0]
    if (waiting) await this.write(waiting)
  }

  /**
   * Writes the last group and the footer. `schema` is that of a file without rows.
   *
   * @throws {Error} if the file does not have the rows pushed
   */
  async finish(schema: () => Promise<Schema>): Promise<void> {
    if (this.#waitingRows > 0) await this.#cut()
    await this.#writing
    if (!this.#written) {
      const empty = this.#schema ?? (await schema())
      await this.#append(empty, ipcOf(empty))
    }
    const written = this.#written
    if (written?.rows !== this.#pushed)
      throw new Error(
        `Expected a footer of ${String(this.#pushed)} rows, got ${String(written?.rows)}`,
      )
    await this.#file.append(encodeFooter(joined(written)))
  }

  /** Waits until nothing is being written. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined)
  }

  #conforming(batch: RecordBatch): RecordBatch {
    this.#schema ??= batch.schema
    const different = differentSchemas(this.#schema, batch.schema, 'toParquet')
    if (different) throw different
    return batchOf(columnsOf(batch), this.#schema)
  }

  #wait(rows: RecordBatch, start: number, end: number): void {
    if (start < end) this.#waiting.push(rows.slice(start, end))
    this.#pushed += end - start
  }

  /** Starts writing the rows that wait, when the group before them is written. */
  async #cut(): Promise<void> {
    const rows = concat(this.#waiting)
    this.#waiting = []
    this.#waitingRows = 0
    this.#waitingBytes = 0
    await this.#writing
    // As bytes, which move to the thread: whoever waits there would keep the rows.
    this.#writing = this.#append(rows.schema, ipcOf(rows))
    this.#writing.catch(() => undefined)
  }

  async #append(schema: Schema, ipc: Uint8Array): Promise<void> {
    const { compression, dictionary } = this.#layout
    const repeating = schema.fields.filter((f) => dictionary && isRepeating(f.type as DataType))
    const bytes = await this.#thread.write({
      ipc,
      compression,
      dictionaries: repeating.map((field) => field.name),
    })
    if (this.#file.bytes === 0) await this.#file.append(magic)
    const length = Buffer.from(bytes.buffer).readUInt32LE(bytes.length - 8)
    const footer = decodeFooter(bytes.subarray(bytes.length - 8 - length, bytes.length - 8))
    const written = (this.#written ??= { struct: footer.struct, rowGroups: [], rows: 0 })
    if (!sameColumns(written.struct, footer.struct)) throw otherColumns(this.#file.path)
    for (const group of footer.rowGroups) {
      // Behind the pages lie indexes, whose offsets would be wrong here.
      const end = Math.max(...group.chunks.map((chunk) => chunk.end))
      const shift = this.#file.bytes - magic.length
      written.rowGroups.push(encodeStruct(movedGroup(group, shift, written.rowGroups.length)))
      written.rows += group.numRows
      await this.#file.append(bytes.subarray(magic.length, end))
    }
  }
}

/** Texts are few and often the same: worth a dictionary, as what has one already. */
function isRepeating(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isDictionary(type)
}

function otherColumns(path: string): SchemaError {
  const message = `Expected rows with the columns that ${path} has, in order and type, got others`
  return new SchemaError(message, { column: '' })
}

function joined({ struct, rowGroups, rows }: Written): Struct {
  return withRowGroups(struct, rowGroups.map(decodeStruct), rows)
}

function ipcOf(rows: RecordBatch | Schema): Uint8Array {
  if (rows instanceof RecordBatch) return encodeBatch(rows)
  return RecordBatchStreamWriter.writeAll(new Table(rows)).toUint8Array(true)
}
