import { Field, type RecordBatch, Schema, type Vector } from 'apache-arrow'
import { batchOf, batchOfData, byteLength, column } from '../batch/batch.ts'
import { differentSchemas } from '../batch/schema.ts'
import { DataError } from '../errors.ts'
import type { Context } from '../flow/context.ts'
import { idColumn, type IdOrigin } from '../item-ids.ts'
import { itemSchema } from '../item-schema.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { openBytes } from '../storage/open-bytes.ts'
import type { StorageOptions } from '../storage/storage-options.ts'
import { type ArrowFile, openArrow, type Stored } from './arrow-file.ts'
import { Dictionaries, loadColumns, type LoadLimit } from './load-columns.ts'
import { plainField } from './stored-schema.ts'

/** What is read of Arrow IPC, and how. */
export interface ArrowTableOptions {
  /** Columns to read, in order; undefined for all. */
  readonly columns: readonly string[] | undefined
  /** The column that ids come from; undefined for `id`, where there is one. */
  readonly idColumn: string | undefined
  /** Prefix and name of the table, for ids. */
  readonly ids: Pick<IdOrigin, 'prefix' | 'table'>
  /** Whether other tables follow. */
  readonly several: boolean
  /** Most rows of a batch. */
  readonly batchRows: number
  /** Most bytes of a batch, by the mean of its record batch. */
  readonly batchBytes: number
  /** Most bytes of the chosen columns of a record batch. */
  readonly recordBatchBytes: number
  /** How buckets and URLs are reached. */
  readonly storage: StorageOptions | undefined
  /** What the reader wants. */
  readonly context: Context
}

/** A place in a table: what comes next. */
export interface ArrowPosition {
  /** Record batch, from 0. */
  readonly batch: number
  /** Row in it. */
  readonly row: number
  /** Rows of the record batches before it. */
  readonly before: number
}

/** The items in one Arrow IPC file or stream: chosen columns, with an `id`. */
export class ArrowTable {
  /** The schema of its rows. */
  readonly schema: Schema
  readonly #bytes: ByteSource
  readonly #file: ArrowFile
  readonly #ids: IdOrigin
  readonly #options: ArrowTableOptions
  /** Places of the columns to read in the stored schema. */
  readonly #read: readonly number[]
  readonly #limit: LoadLimit

  private constructor(bytes: ByteSource, file: ArrowFile, options: ArrowTableOptions) {
    const { columns, several, context, recordBatchBytes } = options
    const plain = new Schema(file.schema.fields.map(plainField), file.schema.metadata)
    const hasId = plain.fields.some((field) => field.name === 'id')
    const from = options.idColumn ?? (hasId ? 'id' : undefined)
    this.#ids = { ...options.ids, column: from, url: bytes.url }
    this.schema = itemSchema(plain, {
      columns,
      ids: this.#ids,
      wanted: context.columns,
      several,
    })
    const read = new Set(this.schema.fields.map((field) => field.name))
    if (from !== 'id') read.delete('id')
    if (from !== undefined) read.add(from)
    this.#read = plain.fields.flatMap(({ name }, at) => (read.has(name) ? [at] : []))
    const { url } = bytes
    this.#limit = { url, maxBytes: recordBatchBytes, tooLarge: (got) => this.#tooLarge(got) }
    this.#bytes = bytes
    this.#file = file
    this.#options = options
  }

  /** Opens what is at `location`, reads its schema and works out what to read of it. */
  static async open(location: string, options: ArrowTableOptions): Promise<ArrowTable> {
    const bytes = await openBytes(location, options.storage)
    try {
      const file = await openArrow(bytes, options.context.signal)
      return new ArrowTable(bytes, file, options)
    } catch (error) {
      await bytes.close()
      throw error
    }
  }

  /** Throws {@link SchemaError} unless the columns are those of `first`, the first table's schema. */
  mustMatch(first: Schema): void {
    const different = differentSchemas(first, this.schema, `fromArrow at ${this.#ids.url}`)
    if (different) throw different
  }

  /** The rows from `from` on, as batches of `schema`, each with the place after it. */
  async *rows(
    schema: Schema,
    from: ArrowPosition = { batch: 0, row: 0, before: 0 },
  ): AsyncGenerator<[RecordBatch, ArrowPosition]> {
    const dictionaries = new Dictionaries(this.#file.schema, this.#read)
    let { batch, row, before } = from
    for await (const stored of this.#file.messages(batch, this.#options.context.signal)) {
      if (stored.message.kind === 'dictionary') {
        await dictionaries.learn(stored, this.#limit)
        continue
      }
      const rows = await this.#load(stored, dictionaries)
      const most = this.#batchRows(rows)
      for (; row < rows.numRows; row += most) {
        const part = rows.slice(row, row + most)
        const id = idColumn(part, before + row, this.#ids)
        yield [shaped(part, schema, id), { batch, row: row + part.numRows, before }]
      }
      before += rows.numRows
      batch++
      row = 0
    }
  }

  /** Closes what it reads from. */
  async close(): Promise<void> {
    await this.#bytes.close()
  }

  async #load(stored: Stored, dictionaries: Dictionaries): Promise<RecordBatch> {
    const { fields } = this.#file.schema
    const loading = { fields, read: this.#read, dictionaries: dictionaries.values }
    const columns = await loadColumns(stored, loading, this.#limit)
    const schema = new Schema(this.#read.map((at) => plainField(fields[at] as Field)))
    return batchOfData(schema, columns, stored.message.batch.rows)
  }

  #batchRows(rows: RecordBatch): number {
    const { batchRows, batchBytes } = this.#options
    const perBatch = Math.floor((batchBytes * rows.numRows) / Math.max(1, byteLength(rows)))
    return Math.max(1, Math.min(batchRows, perBatch))
  }

  #tooLarge(bytes: number): DataError {
    const { url } = this.#ids
    return new DataError(
      `Expected a record batch of ${url}, and its dictionaries, to take at most ${String(this.#limit.maxBytes)} bytes, got ${String(bytes)}; choose fewer \`columns\`, or raise \`recordBatchBytes\` or the run's memory`,
      { url },
    )
  }
}

function shaped(
  rows: RecordBatch,
  schema: Schema,
  id: { field: Field; vector: Vector },
): RecordBatch {
  const columns = schema.fields.map((field) =>
    field.name === 'id' ? id : { field, vector: column(rows, field.name) },
  )
  return batchOf(columns, schema)
}
