import { rm } from 'node:fs/promises'
import { type Data, type RecordBatch, Schema } from 'apache-arrow'
import { batchOfData } from '../batch/batch.ts'
import { blockRows, type ColumnFile, type ColumnReader } from './column-file.ts'
import type { Reject } from '../flow/control.ts'
import { missingColumn, schemaWith } from '../batch/schema.ts'
import { TableWriter } from './table-writer.ts'

/** Where the files of tables lie, and how many readers are to close them. */
export interface Folder {
  /** Path. */
  readonly path: string
  /** Readers that have not closed their table. */
  readers: number
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
  /** Rows that were rejected on the way here. */
  readonly rejects: readonly Reject[]
  readonly #folder: Folder
  readonly #files: ReadonlyMap<string, ColumnFile>
  readonly #signal: AbortSignal

  constructor(parts: {
    schema: Schema
    numRows: number
    rejects: readonly Reject[]
    folder: Folder
    files: ReadonlyMap<string, ColumnFile>
    signal: AbortSignal
  }) {
    this.schema = parts.schema
    this.numRows = parts.numRows
    this.rejects = parts.rejects
    this.#folder = parts.folder
    this.#files = parts.files
    this.#signal = parts.signal
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
   * Reads columns from the first row to the last, by default all. Opens only their files and holds one
   * block of each. Where its batches end depends on the rows alone: at 4,096, earlier where those are large.
   *
   * @throws {SchemaError} on the stream, if a column is not there
   */
  async *read(
    names: readonly string[] = this.schema.names as string[],
  ): AsyncGenerator<RecordBatch> {
    const { schema, readers } = this.#open(names)
    try {
      for (let from = 0; from < this.numRows;) {
        this.#signal.throwIfAborted()
        const end = from - (from % blockRows) + blockRows
        const to = Math.min(this.numRows, end, ...readers.map((reader) => reader.endOf(from)))
        yield await batch(schema, readers, { from, to })
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
      return await batch(schema, readers, { from, to: Math.min(this.numRows, from + blockRows) })
    } finally {
      for (const reader of readers) await reader.close()
    }
  }

  /**
   * Adds the columns of `batches`, or replaces those of the same name. Writes these alone.
   *
   * @throws {Error} if they have more or fewer rows than the table
   */
  async append(batches: AsyncIterable<RecordBatch> | Iterable<RecordBatch>): Promise<StoredTable> {
    const writer = new TableWriter(this.#folder.path)
    try {
      for await (const batch of batches) {
        this.#signal.throwIfAborted()
        await writer.push(batch)
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
    return this.#folder.readers === 0
  }

  /** The table for one reader more, who closes it too. Rejects stay with the first: each arrives once. */
  another(): StoredTable {
    this.#folder.readers++
    return this.#with(new Schema([]), new Map(), [])
  }

  /** Removes the files, when all readers have closed their tables over them. */
  async close(): Promise<void> {
    if (--this.#folder.readers === 0) await rm(this.#folder.path, { recursive: true, force: true })
  }

  #with(
    added: Schema,
    files: ReadonlyMap<string, ColumnFile>,
    rejects = this.rejects,
  ): StoredTable {
    return new StoredTable({
      schema: schemaWith(this.schema, added.fields),
      numRows: this.numRows,
      rejects,
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
