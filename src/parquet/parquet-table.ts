import { type RecordBatch, Schema } from 'apache-arrow'
import { batchOf, type Column, column } from '../batch/batch.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { openFile } from '../storage/file-bytes.ts'
import type { Context } from '../flow/context.ts'
import { DataError, SchemaError } from '../errors.ts'
import { idColumn, idField, type IdOrigin } from '../item-ids.ts'
import { didYouMean } from '../options.ts'
import { differentSchemas, schemaWithoutHeavy } from '../batch/schema.ts'
import type { RowGroup } from './footer.ts'
import { ParquetFile } from './parquet-file.ts'
import type { ParquetThread } from './parquet-thread.ts'

/** What is read of a file, and how. */
export interface TableOptions {
  /** Columns to read, in order; undefined for all. */
  readonly columns: readonly string[] | undefined
  /** The column that ids come from; undefined for `id`, where there is one. */
  readonly idColumn: string | undefined
  /** Prefix and name of the table, for ids. */
  readonly ids: Pick<IdOrigin, 'prefix' | 'table'>
  /** Whether other files follow: then any column may have nulls. */
  readonly several: boolean
  /** Most rows of a batch. */
  readonly batchRows: number
  /** Most bytes of a batch, by the mean of its row group. */
  readonly batchBytes: number
  /** Most bytes of the chosen columns of a row group. */
  readonly rowGroupBytes: number
  /** Where rows are decoded. */
  readonly thread: ParquetThread
  /** What the reader wants. */
  readonly context: Context
}

/** A place in a table: the row group and the batch in it that come next. */
export interface TablePosition {
  /** Row group, from 0. */
  readonly rowGroup: number
  /** Batch in the row group, from 0. */
  readonly batch: number
}

/** The items of one Parquet file: chosen columns, with an `id`. */
export class ParquetTable {
  /** The schema of its rows. */
  readonly schema: Schema
  readonly #bytes: ByteSource
  readonly #file: ParquetFile
  readonly #ids: IdOrigin
  readonly #options: TableOptions
  /** Columns to read: those of the schema, and the one that ids come from. */
  readonly #columns: ReadonlySet<string>

  private constructor(
    bytes: ByteSource,
    file: ParquetFile,
    { stored, ids, options }: { stored: Schema; ids: IdOrigin; options: TableOptions },
  ) {
    const { context, several, columns } = options
    const light = context.columns ? schemaWithoutHeavy(stored, context.columns) : stored
    const fields = new Map(light.fields.map((field) => [field.name, field]))
    fields.set('id', idField(stored, ids))
    const named = columns ?? file.footer.columns
    const order = named.includes('id') ? named : ['id', ...named]
    const out = order.flatMap((each) => fields.get(each) ?? [])
    const loose = several ? out.map((field) => field.clone({ nullable: true })) : out
    const read = out.map((field) => field.name).filter((each) => each !== 'id')
    this.schema = new Schema(loose, stored.metadata)
    // Without any column the file would not say how many rows it has.
    this.#columns = new Set([...read, ids.column ?? read[0] ?? file.footer.columns[0] ?? ''])
    this.#bytes = bytes
    this.#file = file
    this.#ids = ids
    this.#options = options
  }

  /** Opens the file at `path`, reads its footer and works out what to read of it. */
  static async open(path: string, options: TableOptions): Promise<ParquetTable> {
    const bytes = await openFile(path)
    try {
      const file = await ParquetFile.open(bytes, options.context.signal)
      const there = file.footer.columns
      const id = options.idColumn ?? (there.includes('id') ? 'id' : undefined)
      const wanted = new Set((options.columns ?? there).filter((each) => each !== 'id'))
      if (id !== undefined) wanted.add(id)
      const known = new Set(there)
      for (const each of wanted) if (!known.has(each)) throw missing(there, each, path)
      const stored = await file.schema(wanted, options.thread)
      const ids = { ...options.ids, column: id, url: path }
      return new ParquetTable(bytes, file, { stored, ids, options })
    } catch (error) {
      await bytes.close()
      throw error
    }
  }

  /** Throws {@link SchemaError} unless the columns are those of `first`, the first file's schema. */
  mustMatch(first: Schema): void {
    const different = differentSchemas(first, this.schema, `fromParquet at ${this.#ids.url}`)
    if (different) throw different
  }

  /** The rows from `from` on, as batches of `schema`, each with the place after it. */
  async *rows(
    schema: Schema,
    from: TablePosition = { rowGroup: 0, batch: 0 },
  ): AsyncGenerator<[RecordBatch, TablePosition]> {
    const { thread, context } = this.#options
    let firstRow = 0
    for (const [index, rowGroup] of this.#file.footer.rowGroups.entries()) {
      let batch = index === from.rowGroup ? from.batch : 0
      const batchRows = this.#batchRows(rowGroup, index)
      const asked = { columns: this.#columns, batchRows, first: batch, thread }
      const rows =
        index < from.rowGroup || batch * batchRows >= rowGroup.numRows
          ? []
          : this.#file.rows(rowGroup, { ...asked, signal: context.signal })
      for await (const stored of rows) {
        const id = idColumn(stored, firstRow + batch * batchRows, this.#ids)
        batch++
        yield [shaped(stored, schema, id), { rowGroup: index, batch }]
      }
      firstRow += rowGroup.numRows
    }
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#bytes.close()
  }

  #batchRows(rowGroup: RowGroup, index: number): number {
    const { batchRows, batchBytes, rowGroupBytes } = this.#options
    const rawBytes = this.#file.rawBytes(rowGroup, this.#columns)
    const { url } = this.#ids
    if (rawBytes > rowGroupBytes)
      throw new DataError(
        `Expected row group ${String(index)} of ${url} to take at most ${String(rowGroupBytes)} bytes, got ${String(rawBytes)}; choose fewer \`columns\`, or raise \`rowGroupBytes\` or the run's memory`,
        { url },
      )
    const perBatch = Math.floor((batchBytes * rowGroup.numRows) / Math.max(1, rawBytes))
    return Math.max(1, Math.min(batchRows, perBatch))
  }
}

function missing(there: readonly string[], wanted: string, path: string): SchemaError {
  return new SchemaError(
    `Expected column \`${wanted}\` in ${path}, got columns ${there.join(', ')}${didYouMean(wanted, there)}`,
    { column: wanted },
  )
}

function shaped(batch: RecordBatch, schema: Schema, id: Column): RecordBatch {
  const columns = schema.fields.map((field) =>
    field.name === 'id' ? id : { field, vector: column(batch, field.name) },
  )
  return batchOf(columns, schema)
}
