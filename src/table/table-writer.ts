import type { Data, RecordBatch, Schema } from 'apache-arrow'
import { decodeSchema, encodeSchema } from '../batch/ipc.ts'
import { SchemaError } from '../errors.ts'
import { blockSizes } from './block-sizes.ts'
import { ColumnFile, type ColumnFileState, type ColumnWriter } from './column-file.ts'
import { failPoint } from '../run/fail-point.ts'
import type { TableFolder } from './table-folder.ts'

/** What it takes to go on writing a table. */
export interface TableState {
  /** Rows so far. */
  readonly numRows: number
  /** The columns, as the first message of an Arrow IPC stream. */
  readonly schema: Uint8Array | undefined
  /** A file per column. */
  readonly files: readonly ColumnFileState[]
}

/** Who writes columns, and within what. */
export interface TableStage {
  /** Whose columns they are. */
  readonly stage: string
  /** Bytes for a block of each of the columns. */
  readonly blocksBytes: number
}

/**
 * Writes batches of one schema, a file per column. Holds less than one block of each column, `blocksBytes`
 * altogether, and as much again while they are written.
 */
export class TableWriter {
  readonly #folder: TableFolder
  readonly #stage: string
  readonly #blocksBytes: number
  readonly #files = new Map<string, ColumnFile>()
  #numRows = 0
  #schema: Schema | undefined
  #writers: ColumnWriter[] = []

  /** `stage`: whose columns these are, for the names of the files. */
  constructor(folder: TableFolder, { stage, blocksBytes }: TableStage) {
    this.#folder = folder
    this.#stage = stage
    this.#blocksBytes = blocksBytes
  }

  /** Rows so far. */
  get numRows(): number {
    return this.#numRows
  }

  /** Columns so far; undefined before the first batch. */
  get schema(): Schema | undefined {
    return this.#schema
  }

  /** The files, by column. They have all rows when the writer has been restored, or is finished. */
  get files(): ReadonlyMap<string, ColumnFile> {
    return this.#files
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

  /** Makes all rows durable; returns what it takes to go on. */
  async save(): Promise<TableState> {
    const files: ColumnFileState[] = []
    for (const writer of this.#writers) files.push(await writer.save())
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
    await this.#open(
      this.#schema,
      files.map(({ name }) => name),
      files,
    )
  }

  /** Writes what is held, and closes the files. */
  async finish(): Promise<ReadonlyMap<string, ColumnFile>> {
    for (const writer of this.#writers) await writer.finish(this.#folder.durable)
    this.#writers = []
    return this.#files
  }

  /** Closes the files as they are. */
  async close(): Promise<void> {
    for (const writer of this.#writers) await writer.close()
    this.#writers = []
  }

  async #start(schema: Schema): Promise<Schema> {
    const part = await this.#folder.part(this.#stage)
    await this.#open(
      schema,
      schema.fields.map(({ name }, i) => `${part}/${String(i)}-${fileName(name)}.arrow`),
    )
    await this.#folder.sync(part)
    return (this.#schema = schema)
  }

  async #open(
    { fields }: Schema,
    names: readonly string[],
    states: readonly ColumnFileState[] = [],
  ): Promise<void> {
    const sizes = blockSizes(fields, this.#blocksBytes)
    for (const [i, field] of fields.entries()) {
      const file = new ColumnFile(field, names[i] ?? '', this.#folder)
      this.#files.set(field.name, file)
      this.#writers.push(await file.write(states[i], sizes[i]))
    }
  }
}

/** The name of a column as far as a file can be called that; its number makes it unique. */
function fileName(column: string): string {
  return column.replace(/[^\w-]/g, '_').slice(0, 64)
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
