import { access } from 'node:fs/promises'
import type { RecordBatch } from 'apache-arrow'
import { type Column, column, columnsOf, concat, take } from '../batch/batch.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { openFile } from '../storage/file-bytes.ts'
import { missingColumn } from '../batch/schema.ts'
import { ParquetFile } from './parquet-file.ts'
import { ParquetThread } from './parquet-thread.ts'

/** What to know rows by, and what to read of them. */
export interface StoredRowsOptions {
  /** Text column that is the key. */
  readonly key: string
  /** Text columns and the value that a row must have there to be found. */
  readonly where: Readonly<Record<string, string>>
  /** Columns to read. */
  readonly columns: readonly string[]
  /** Aborts reading. */
  readonly signal: AbortSignal
}

const batchRows = 4096

/**
 * Rows of a Parquet file, by key. Holds the keys with their row numbers, and the chosen columns of one row
 * group: rows asked for in the order of the file are read once.
 */
export class StoredRows {
  readonly #bytes: ByteSource
  readonly #file: ParquetFile
  readonly #thread = new ParquetThread()
  readonly #options: StoredRowsOptions
  readonly #rows = new Map<string, number>()
  /** First row of each row group, and the number of all. */
  readonly #starts: readonly number[]
  #held: { readonly group: number; readonly rows: RecordBatch } | undefined

  private constructor(bytes: ByteSource, file: ParquetFile, options: StoredRowsOptions) {
    this.#bytes = bytes
    this.#file = file
    this.#options = options
    const starts = [0]
    for (const group of file.footer.rowGroups) starts.push((starts.at(-1) ?? 0) + group.numRows)
    this.#starts = starts
  }

  /**
   * Opens the file at `path` and reads its keys; undefined if there is no such file.
   *
   * @throws {DataError} if it is damaged
   * @throws {SchemaError} if it lacks a column
   */
  static async open(path: string, options: StoredRowsOptions): Promise<StoredRows | undefined> {
    try {
      await access(path)
    } catch {
      return undefined
    }
    const bytes = await openFile(path)
    let stored: StoredRows | undefined
    try {
      stored = new StoredRows(bytes, await ParquetFile.open(bytes, options.signal), options)
      await stored.#readKeys()
      return stored
    } catch (error) {
      if (stored) await stored.close()
      else await bytes.close()
      throw error
    }
  }

  /** The row of the file that has `key`, or -1. */
  row(key: string): number {
    return this.#rows.get(key) ?? -1
  }

  /** The chosen columns of `rows`, in that order. */
  async read(rows: readonly number[]): Promise<readonly Column[]> {
    const parts: RecordBatch[] = []
    for (let at = 0; at < rows.length;) {
      const group = this.#groupOf(rows[at] ?? 0)
      let end = at + 1
      while (end < rows.length && this.#groupOf(rows[end] ?? 0) === group) end++
      const start = this.#starts[group] ?? 0
      const inGroup = rows.slice(at, end).map((row) => row - start)
      parts.push(take(await this.#group(group), inGroup))
      at = end
    }
    return columnsOf(concat(parts))
  }

  /** Closes the file and lets go of the thread that decodes. */
  async close(): Promise<void> {
    await this.#bytes.close()
    await this.#thread.close()
  }

  async #readKeys(): Promise<void> {
    const { key, where, columns } = this.#options
    const there = await this.#file.schema(new Set(this.#file.footer.columns), this.#thread)
    for (const name of [key, ...Object.keys(where), ...columns])
      if (!there.names.includes(name)) throw missingColumn(name, there, 'reuse')
    const tests = Object.entries(where)
    for (const [group, start] of this.#starts.slice(0, -1).entries()) {
      let row = start
      for await (const batch of this.#batches(group, [key, ...Object.keys(where)])) {
        const keys = column(batch, key)
        const columnsToTest = tests.map(([name, value]) => ({ vector: column(batch, name), value }))
        for (let i = 0; i < batch.numRows; i++, row++)
          if (columnsToTest.every(({ vector, value }) => vector.get(i) === value))
            this.#rows.set(String(keys.get(i)), row)
      }
    }
  }

  async #group(group: number): Promise<RecordBatch> {
    if (this.#held?.group !== group) {
      const batches: RecordBatch[] = []
      for await (const batch of this.#batches(group, this.#options.columns)) batches.push(batch)
      this.#held = { group, rows: concat(batches) }
    }
    return this.#held.rows
  }

  #batches(group: number, columns: readonly string[]): AsyncIterable<RecordBatch> {
    const rowGroup = this.#file.footer.rowGroups[group]
    if (!rowGroup) throw new RangeError(`Expected a row group, got ${String(group)}`)
    const asked = { columns: new Set(columns), batchRows, first: 0, thread: this.#thread }
    return this.#file.rows(rowGroup, { ...asked, signal: this.#options.signal })
  }

  #groupOf(row: number): number {
    let group = this.#held?.group ?? 0
    while (row < (this.#starts[group] ?? 0)) group--
    while (row >= (this.#starts[group + 1] ?? Infinity)) group++
    return group
  }
}
