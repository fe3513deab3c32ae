import { type RecordBatch, Schema } from 'apache-arrow'
import { batchOf, type Column, textColumn } from '../batch/batch.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import type { Context } from '../flow/context.ts'
import { DataError } from '../errors.ts'
import { idColumn, idField, type IdOrigin } from '../item-ids.ts'
import { missingStored } from '../item-schema.ts'
import { differentSchemas, schemaWith, schemaWithoutHeavy } from '../batch/schema.ts'
import type { Projection, RowGroup } from './footer.ts'
import { type Conventions, HuggingFace } from './hugging-face.ts'
import { ParquetFile } from './parquet-file.ts'
import type { ParquetPlace } from './parquet-files.ts'
import type { ParquetThread } from './parquet-thread.ts'
import { projectionOf } from './projection.ts'

/** What is read of a file, and how. */
export interface TableOptions {
  /** Columns to read, in order; undefined for all. */
  readonly columns: readonly string[] | undefined
  /** The column that ids come from; undefined for `id`, where there is one. */
  readonly idColumn: string | undefined
  /** Goes before every id. */
  readonly sourceName: string | undefined
  /** Whether columns of Hugging Face datasets are translated. */
  readonly conventions: Conventions
  /** Whether other files follow: then any column may have nulls. */
  readonly several: boolean
  /** Most rows of a batch. */
  readonly batchRows: number
  /** Most bytes of a batch, by the mean of its row group. */
  readonly batchBytes: number
  /** Most bytes of the chosen columns of a row group. */
  readonly rowGroupBytes: number
}

/** Who reads a table. */
export interface TableReader {
  /** Works out the schema. */
  readonly thread: ParquetThread
  /** What is wanted. */
  readonly context: Pick<Context, 'signal' | 'columns'>
}

/** What is behind the columns of a table. */
interface Origins {
  readonly ids: IdOrigin
  readonly usual: HuggingFace
  readonly partitions: ReadonlyMap<string, string | null>
}

/** The items of one Parquet file: chosen columns, with an `id`. */
export class ParquetTable {
  /** The schema of its rows. */
  readonly schema: Schema
  readonly #bytes: ByteSource
  readonly #file: ParquetFile
  readonly #origins: Origins
  readonly #options: TableOptions
  /** What is read of the file. */
  readonly #columns: Projection

  private constructor(
    { bytes, file }: { bytes: ByteSource; file: ParquetFile },
    origins: Origins,
    options: TableOptions & { readonly wanted: ReadonlySet<string> | undefined },
  ) {
    const { ids, usual, partitions } = origins
    const folders = [...partitions.keys()].filter((name) => !usual.origin(name))
    const all = schemaWith(
      usual.schema,
      folders.map((name) => textColumn(name, []).field),
    )
    const light = options.wanted ? schemaWithoutHeavy(all, options.wanted) : all
    const fields = new Map(light.fields.map((field) => [field.name, field]))
    fields.set('id', idField(usual.stored, ids))
    const named = options.columns ?? all.names.map(String)
    const order = named.includes('id') ? named : ['id', ...named]
    const out = order.flatMap((each) => fields.get(each) ?? [])
    const loose = options.several ? out.map((field) => field.clone({ nullable: true })) : out
    this.schema = new Schema(loose, all.metadata)
    const names = out.map((field) => field.name).filter((each) => each !== 'id')
    const origin = names.flatMap((each) => usual.origin(each) ?? [])
    if (ids.column !== undefined) origin.push({ column: ids.column, field: undefined })
    this.#columns = projectionOf(origin, file.footer)
    this.#bytes = bytes
    this.#file = file
    this.#origins = origins
    this.#options = options
  }

  /** Opens the file at `place`, reads its footer and works out what to read of it. */
  static async open(
    { open, table, partitions }: ParquetPlace,
    options: TableOptions,
    { thread, context }: TableReader,
  ): Promise<ParquetTable> {
    const bytes = await open()
    const { url } = bytes
    try {
      const file = await ParquetFile.open(bytes, context.signal)
      const there = file.footer.columns
      const id = options.idColumn ?? (there.includes('id') ? 'id' : undefined)
      const wanted = new Set(options.columns ?? there)
      if (id !== undefined) wanted.add(id)
      // Some names are not of the file: `uri` may come of `image`.
      const read = wanted.has('uri') ? new Set([...wanted, 'image']) : wanted
      const stored = await file.schema(read, thread)
      const { metadata } = file.footer
      const usual = new HuggingFace(stored, { metadata, url, conventions: options.conventions })
      for (const each of wanted)
        if (!(each === 'id' && id === undefined) && !usual.origin(each) && !partitions.has(each))
          throw missingStored([...there, ...partitions.keys()], each, url)
      const ids = { prefix: options.sourceName, table, column: id, url }
      const origins = { ids, usual, partitions }
      return new ParquetTable({ bytes, file }, origins, { ...options, wanted: context.columns })
    } catch (error) {
      await bytes.close()
      throw error
    }
  }

  /** Its row groups, in order. */
  get rowGroups(): readonly RowGroup[] {
    return this.#file.footer.rowGroups
  }

  /** Throws {@link SchemaError} unless the columns are those of `first`, the first file's schema. */
  mustMatch(first: Schema): void {
    const different = differentSchemas(first, this.schema, `fromParquet at ${this.#bytes.url}`)
    if (different) throw different
  }

  /**
   * Bytes of what is read of a row group, decompressed.
   *
   * @throws {DataError} if they are more than they may
   */
  rawBytes(index: number): number {
    const { rowGroupBytes } = this.#options
    const rawBytes = this.#file.rawBytes(this.#group(index), this.#columns)
    const { url } = this.#bytes
    if (rawBytes > rowGroupBytes)
      throw new DataError(
        `Expected row group ${String(index)} of ${url} to take at most ${String(rowGroupBytes)} bytes, got ${String(rawBytes)}; choose fewer \`columns\`, or raise \`rowGroupBytes\` or the run's memory`,
        { url },
      )
    return rawBytes
  }

  /** Reads the chunks of a row group: a small file, to be decoded. */
  fetch(index: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#file.read(this.#group(index), this.#columns, signal)
  }

  /**
   * The rows of a row group that was fetched, from row `from` on, as batches of `schema`, each with the row after it.
   *
   * @throws {DataError} if they do not decode, or are not as many as the footer says
   */
  async *decode(
    file: Uint8Array,
    index: number,
    { schema, from, thread }: { schema: Schema; from: number; thread: ParquetThread },
  ): AsyncGenerator<[RecordBatch, number]> {
    const batchRows = this.#batchRows(index)
    const first = Math.floor(from / batchRows)
    let row = first * batchRows
    const before = this.rowGroups.slice(0, index).reduce((sum, group) => sum + group.numRows, 0)
    const asked = { batchRows, first, thread }
    for await (const stored of this.#file.decode(file, this.#group(index), asked)) {
      const id = idColumn(stored, before + row, this.#origins.ids)
      const batch = this.#shaped(stored, schema, id)
      const done = Math.max(0, from - row)
      row += stored.numRows
      // Batches may have been of another size when `from` was written down.
      if (done < stored.numRows) yield [done > 0 ? batch.slice(done) : batch, row]
    }
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#bytes.close()
  }

  #group(index: number): RowGroup {
    return this.rowGroups[index] as RowGroup
  }

  #batchRows(index: number): number {
    const { batchRows, batchBytes } = this.#options
    const perBatch = (batchBytes * this.#group(index).numRows) / Math.max(1, this.rawBytes(index))
    return Math.max(1, Math.min(batchRows, Math.floor(perBatch)))
  }

  #shaped(batch: RecordBatch, schema: Schema, id: Column): RecordBatch {
    const { usual, partitions } = this.#origins
    const columns = schema.fields.map((field): Column => {
      const { name } = field
      if (name === 'id') return id
      if (usual.origin(name)) return { field, vector: usual.vector(batch, name) }
      const value = partitions.get(name) ?? null
      return textColumn(name, Array<string | null>(batch.numRows).fill(value))
    })
    return batchOf(columns, schema)
  }
}
