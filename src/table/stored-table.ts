import { type Data, type RecordBatch, Schema } from 'apache-arrow'
import { batchOfData } from '../batch/batch.ts'
import { decodeSchema, encodeSchema } from '../batch/ipc.ts'
import { missingColumn, schemaWith } from '../batch/schema.ts'
import type { Slot } from '../flow/slot.ts'
import { blockRows, ColumnFile, type WholeFileState } from './column-file.ts'
import type { ColumnReader } from './column-reader.ts'
import type { TableFolder } from './table-folder.ts'
import { type TableStage, TableWriter } from './table-writer.ts'

/** What it takes to find a whole table again. */
export interface StoredTableState {
  /** Name of its folder in that of the run. */
  readonly folder: string
  /** The columns, as the first message of an Arrow IPC stream. */
  readonly schema: Uint8Array
  /** Rows in every column. */
  readonly numRows: number
  /** The columns' files, by name. */
  readonly files: ReadonlyMap<string, WholeFileState>
}

/**
 * Rows on disk, a file per column. Appending columns writes only those; the files of the others
 * are shared. Closing removes the files of all tables that share them.
 */
export class StoredTable {
  /** The columns. */
  readonly schema: Schema
  /** Rows in every column. */
  readonly numRows: number
  readonly #folder: TableFolder
  readonly #files: ReadonlyMap<string, ColumnFile>
  readonly #signal: AbortSignal
  readonly #slot: Slot | undefined

  constructor(parts: {
    schema: Schema
    numRows: number
    folder: TableFolder
    files: ReadonlyMap<string, ColumnFile>
    signal: AbortSignal
    slot?: Slot | undefined
  }) {
    this.schema = parts.schema
    this.numRows = parts.numRows
    this.#folder = parts.folder
    this.#files = parts.files
    this.#signal = parts.signal
    this.#slot = parts.slot
  }

  /** Bytes on disk. */
  get bytes(): number {
    let bytes = 0
    for (const file of this.#files.values()) bytes += file.bytes
    return bytes
  }

  /** How many blocks {@link StoredTable.readBlock} knows. */
  get numBlocks(): number {
    return Math.ceil(this.numRows / blockRows)
  }

  /**
   * Reads columns from the row `start` to the last, by default all. Opens only their files and holds one
   * block of each. Where its batches end depends on the rows alone: at 4,096, earlier where those are large.
   *
   * @throws {SchemaError} on the stream, if a column is not there
   */
  async *read(
    names: readonly string[] = this.schema.names as string[],
    start = 0,
  ): AsyncGenerator<RecordBatch> {
    const { schema, readers } = this.#open(names)
    try {
      for (let from = start; from < this.numRows;) {
        this.#signal.throwIfAborted()
        const end = from - (from % blockRows) + blockRows
        const to = Math.min(this.numRows, end, ...readers.map((reader) => reader.endOf(from)))
        const read = await batch(schema, readers, { from, to })
        if (this.#slot) this.#slot.moves++
        yield read
        from = to
      }
    } finally {
      for (const reader of readers) await reader.close()
    }
  }

  /** The columns in rows 4,096 · `block` and the 4,096 that follow, or as many as there are. */
  async readBlock(block: number, names: readonly string[]): Promise<RecordBatch> {
    const { schema, readers } = this.#open(names)
    try {
      const from = block * blockRows
      if (!(block >= 0 && from < this.numRows))
        throw new RangeError(
          `Expected a block below ${String(this.numBlocks)}, got ${String(block)}`,
        )
      if (this.#slot) this.#slot.moves++
      return await batch(schema, readers, { from, to: Math.min(this.numRows, from + blockRows) })
    } finally {
      for (const reader of readers) await reader.close()
    }
  }

  /**
   * Adds the columns of `batches`, or replaces those of the same name. Writes these alone; `stage` says
   * whose they are, and within what.
   *
   * @throws {Error} if they have more or fewer rows than the table
   */
  async append(
    batches: AsyncIterable<RecordBatch> | Iterable<RecordBatch>,
    { stage, blocksBytes, slot }: TableStage & { readonly slot?: Slot },
  ): Promise<StoredTable> {
    const writer = new TableWriter(this.#folder, { stage: `columns of ${stage}`, blocksBytes })
    try {
      for await (const batch of batches) {
        this.#signal.throwIfAborted()
        await writer.push(batch)
        if (slot) slot.moves++
      }
      if (writer.numRows !== this.numRows)
        throw new Error(
          `Expected columns of ${String(this.numRows)} rows, got ${String(writer.numRows)}`,
        )
      return this.#with(writer.schema ?? new Schema([]), await writer.finish())
    } finally {
      await writer.close()
    }
  }

  /** The table with its schema said to be `schema`, for columns that no row was written of. */
  withSchema(schema: Schema): StoredTable {
    return this.#with(schema, new Map())
  }

  /** Whether the files are gone. */
  get closed(): boolean {
    return this.#folder.readers === 0 && !this.#folder.durable
  }

  /** The table for one reader more, who closes it too; `signal` is that reader's. */
  another(signal: AbortSignal): StoredTable {
    this.#folder.readers++
    const { schema, numRows } = this
    return new StoredTable({ schema, numRows, folder: this.#folder, files: this.#files, signal })
  }

  /** The same table, whose blocks count as moves of `slot` when they are read. */
  readBy(slot: Slot): StoredTable {
    const { schema, numRows } = this
    return new StoredTable({
      ...{ schema, numRows, slot },
      ...{ folder: this.#folder, files: this.#files, signal: this.#signal },
    })
  }

  /** What it takes to find the table again in a run with checkpoints. */
  save(): StoredTableState {
    return {
      folder: this.#folder.name,
      schema: encodeSchema(this.schema),
      numRows: this.numRows,
      files: new Map([...this.#files].map(([name, file]) => [name, file.save()])),
    }
  }

  /** The table that was saved, in its folder. */
  static async reopen(
    { schema: encoded, numRows, files: saved }: StoredTableState,
    { folder, signal }: { readonly folder: TableFolder; readonly signal: AbortSignal },
  ): Promise<StoredTable> {
    const schema = decodeSchema(encoded)
    const files = new Map<string, ColumnFile>()
    for (const field of schema.fields) {
      const state = saved.get(field.name)
      if (state) files.set(field.name, await ColumnFile.whole(field, state, folder))
    }
    return new StoredTable({ schema, numRows, folder, files, signal })
  }

  /** Removes the files, when all readers have closed their tables over them and no checkpoint needs them. */
  async close(): Promise<void> {
    await this.#folder.leave()
  }

  #with(added: Schema, files: ReadonlyMap<string, ColumnFile>): StoredTable {
    return new StoredTable({
      schema: schemaWith(this.schema, added.fields),
      numRows: this.numRows,
      folder: this.#folder,
      files: new Map([...this.#files, ...files]),
      signal: this.#signal,
    })
  }

  #open(names: readonly string[]): { schema: Schema; readers: ColumnReader[] } {
    const fields = names.map((name) => {
      const field = this.schema.fields.find((f) => f.name === name)
      if (field) return field
      throw missingColumn(name, this.schema)
    })
    const files = names.flatMap((name) => this.#files.get(name) ?? [])
    return {
      schema: new Schema(fields, this.schema.metadata),
      readers: files.map((file) => file.read()),
    }
  }
}

async function batch(
  schema: Schema,
  readers: readonly ColumnReader[],
  { from, to }: { from: number; to: number },
): Promise<RecordBatch> {
  const columns: Data[] = []
  for (const reader of readers) columns.push(await reader.rows(from, to))
  return batchOfData(schema, columns, to - from)
}
