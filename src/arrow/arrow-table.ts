import {
  type Data,
  type DataType,
  Field,
  makeVector,
  type RecordBatch,
  Schema,
  Vector,
} from 'apache-arrow'
import { batchOf, batchOfData, byteLength, column } from '../batch/batch.ts'
import { differentSchemas } from '../batch/schema.ts'
import { DataError } from '../errors.ts'
import type { Context } from '../flow/context.ts'
import { idColumn, type IdOrigin } from '../item-ids.ts'
import { itemSchema } from '../item-schema.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { openBytes } from '../storage/open-bytes.ts'
import type { StorageOptions } from '../storage/storage-options.ts'
import { type ArrowFile, notArrow, openArrow, type Stored } from './arrow-file.ts'
import { ColumnLoader, placesOf } from './column-loader.ts'
import { type BufferLimit, readBuffers } from './read-buffers.ts'
import { dictionaryTypes, plainField } from './stored-schema.ts'

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
  /** Fields of the columns to read, as they are read, by their place in the stored schema. */
  readonly #read: ReadonlyMap<number, Field>
  readonly #limit: BufferLimit

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
    this.#read = new Map([...plain.fields.entries()].filter(([, { name }]) => read.has(name)))
    this.#limit = { maxBytes: recordBatchBytes, tooLarge: (got) => this.#tooLarge(got) }
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
    const dictionaries = new Dictionaries(this.#file.schema, [...this.#read.values()])
    let { batch, row, before } = from
    for await (const stored of this.#file.messages(batch, this.#options.context.signal)) {
      if (stored.message.kind === 'dictionary') {
        await this.#learn(stored, dictionaries)
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

  async #learn({ message, body }: Stored, dictionaries: Dictionaries): Promise<void> {
    if (message.kind !== 'dictionary') return
    const type = dictionaries.typeOf(message.id)
    if (!type) return
    const field = new Field('values', type, true)
    const [data] = await this.#columns(
      { message, body },
      [field],
      new Map([[0, field]]),
      dictionaries,
    )
    dictionaries.put(message, data as Data)
    if (dictionaries.bytes > this.#limit.maxBytes) throw this.#tooLarge(dictionaries.bytes)
  }

  async #load(stored: Stored, dictionaries: Dictionaries): Promise<RecordBatch> {
    const { rows } = stored.message.batch
    const fields = [...this.#read.values()]
    const all = this.#file.schema.fields
    const columns = await this.#columns(stored, all, this.#read, dictionaries)
    return batchOfData(new Schema(fields), columns, rows)
  }

  /** The columns at the places of `read` among `fields`, which are those of the message. */
  async #columns(
    { message, body }: Stored,
    fields: readonly Field[],
    read: ReadonlyMap<number, Field>,
    dictionaries: Dictionaries,
  ): Promise<Data[]> {
    const { batch: stored } = message
    const { url } = this.#ids
    try {
      const places = placesOf(fields, stored)
      if (places.slice(0, -1).some(({ node }) => stored.nodes[node]?.length !== stored.rows))
        throw new RangeError('a column has other rows than its message')
      const indices = [...read.keys()].flatMap((at) => {
        const [start = 0, end = 0] = [places[at]?.buffer, places[at + 1]?.buffer]
        return Array.from({ length: end - start }, (_, i) => start + i)
      })
      const buffers = await readBuffers(stored, indices, body, this.#limit)
      const { maxBytes } = this.#limit
      const loading = { stored, buffers, dictionaries: dictionaries.values, maxBytes }
      return [...read.keys()].map((at) => {
        const loader = new ColumnLoader(loading, places[at] ?? { node: 0, buffer: 0, view: 0 })
        return loader.load(fields[at]?.type as DataType)
      })
    } catch (cause) {
      if (cause instanceof RangeError) throw notArrow(url, cause.message, cause)
      throw cause
    }
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

/** The values of the dictionaries that the columns to read need. */
class Dictionaries {
  /** By their number. */
  readonly values = new Map<number, Vector>()
  /** Bytes of all. */
  bytes = 0
  readonly #types: ReadonlyMap<number, DataType>

  constructor(stored: Schema, read: readonly Field[]) {
    const needed = dictionaryTypes(read)
    const all = dictionaryTypes(stored.fields)
    this.#types = new Map([...all].filter(([id]) => needed.has(id)))
  }

  /** The type of a dictionary's values, as stored; undefined if no column to read needs it. */
  typeOf(id: number): DataType | undefined {
    return this.#types.get(id)
  }

  /** Adds values to a dictionary, or takes them in its place. */
  put({ id, delta }: { readonly id: number; readonly delta: boolean }, data: Data): void {
    const before = this.values.get(id)
    const added = makeVector(data)
    const values = delta && before ? before.concat(added) : added
    this.values.set(id, values.memoize())
    this.bytes = [...this.values.values()].reduce((sum, each) => sum + each.byteLength, 0)
  }
}
