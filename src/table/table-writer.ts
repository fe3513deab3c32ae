import { open } from 'node:fs/promises'
import type { Data, Field, RecordBatch, Schema } from 'apache-arrow'
import { ColumnFile, type ColumnFileState, type ColumnWriter } from './column-file.ts'
import { SchemaError } from '../errors.ts'
import type { TableFolder } from './table-folder.ts'
import { decodeSchema, encodeSchema } from '../batch/ipc.ts'
import { failPoint } from '../run/fail-point.ts'

/** What it takes to go on writing a table. */
export interface TableState {
  /** Rows so far. */
  readonly numRows: number
  /** The columns, as the first message of an Arrow IPC stream. */
  readonly schema: Uint8Array | undefined
  /** A file per column. */
  readonly files: readonly ColumnFileState[]
}

/** Writes batches of one schema, a file per column. Holds less than one block of each column. */
export class TableWriter {
  readonly #folder: TableFolder
  readonly #files = new Map<string, ColumnFile>()
  #numRows = 0
  #schema: Schema | undefined
  #writers: ColumnWriter[] = []

  constructor(folder: TableFolder) {
    this.#folder = folder
  }

  /** Rows so far. */
  get numRows(): number {
    return this.#numRows
  }

  /** Columns so far; undefined before the first batch. */
  get schema(): Schema | undefined {
    return this.#schema
  }

  /**
   * Adds the rows of `batch`.
   *
   * @throws {SchemaError} if it has other columns than the first
   */
  async push(batch: RecordBatch): Promise<void> {
    const schema = this.#schema ?? (await this.#start(batch.schema))
    checkSame(schema, batch.schema)
    for (const [i, writer] of this.#writers.entries())
      await writer.push(batch.data.children[i] as Data)
    this.#numRows += batch.numRows
    failPoint('table: spilling')
  }

  /** Makes what is written durable; returns what it takes to go on. */
  async save(): Promise<TableState> {
    const files: ColumnFileState[] = []
    for (const writer of this.#writers) files.push(await writer.save())
    await syncFolder(this.#folder.path)
    return {
      numRows: this.#numRows,
      schema: this.#schema && encodeSchema(this.#schema),
      files,
    }
  }

  /** Goes on where a writer was saved. Called before the first row. */
  async restore({ numRows, schema, files }: TableState): Promise<void> {
    if (!schema) return
    this.#numRows = numRows
    this.#schema = decodeSchema(schema)
    for (const [i, state] of files.entries())
      await this.#open(this.#schema.fields[i] as Field, state.path, state)
  }

  /** Writes what is held, and closes the files. */
  async finish(): Promise<ReadonlyMap<string, ColumnFile>> {
    for (const writer of this.#writers) await writer.finish(this.#folder.durable)
    this.#writers = []
    if (this.#folder.durable) await syncFolder(this.#folder.path)
    return this.#files
  }

  /** Closes the files as they are. */
  async close(): Promise<void> {
    for (const writer of this.#writers) await writer.close()
    this.#writers = []
  }

  async #start(schema: Schema): Promise<Schema> {
    for (const field of schema.fields) await this.#open(field, this.#folder.pathFor(field.name))
    return (this.#schema = schema)
  }

  async #open(field: Field, path: string, state?: ColumnFileState): Promise<void> {
    const file = new ColumnFile(field, path)
    this.#files.set(field.name, file)
    this.#writers.push(await file.write(state))
  }
}

function checkSame(schema: Schema, other: Schema): void {
  if (schema === other) return
  const expected = schema.names.map(String)
  const got = other.names.map(String)
  if (expected.length === got.length && expected.every((name, i) => name === got[i])) return
  const column = expected.find((name) => !got.includes(name)) ?? got[expected.length] ?? ''
  throw new SchemaError(
    `Expected columns ${expected.join(', ')} in every batch, got ${got.join(', ')}`,
    { column },
  )
}

/** Makes durable which files are in a folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}
