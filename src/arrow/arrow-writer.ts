import {
  type Data,
  type DataType,
  Dictionary,
  DataType as Type,
  type RecordBatch,
  Schema,
} from 'apache-arrow'
import { batchOfData, concat } from '../batch/batch.ts'
import { decodeBatch, decodeSchema, encodeBatch, encodeSchema } from '../batch/ipc.ts'
import { type BatchLimits, Rebatcher } from '../batch/rebatcher.ts'
import { differentSchemas } from '../batch/schema.ts'
import type { Output } from '../output/output.ts'
import { type IpcFormat, type IpcPosition, IpcWriter } from './ipc-writer.ts'
import { RunningDictionaries, type SavedDictionaries } from './running-dictionaries.ts'
import { mapType } from './stored-schema.ts'

/** What it takes to go on with a file, besides its bytes. */
export interface ArrowState {
  /** Rows in it, and waiting. */
  readonly rows: number
  /** The schema that it has begun with; undefined before that. */
  readonly schema: Uint8Array | undefined
  /** Where its messages are. */
  readonly position: IpcPosition
  /** The values of its dictionaries. */
  readonly dictionaries: SavedDictionaries
  /** Rows that wait for their record batch, as an Arrow IPC stream. */
  readonly waiting: Uint8Array | undefined
}

/**
 * Writes Arrow IPC, record batch by record batch. These are cut by the rows alone, whatever batches they
 * came in, and dictionaries are numbered anew: equal rows give equal bytes.
 */
export class ArrowWriter {
  readonly #file: Output
  readonly #writer: IpcWriter
  readonly #limits: BatchLimits
  #dictionaries = new RunningDictionaries()
  #rebatcher: Rebatcher
  #schema: Schema | undefined
  #rows = 0

  constructor(file: Output, format: IpcFormat, limits: BatchLimits) {
    this.#file = file
    this.#writer = new IpcWriter(format)
    this.#limits = limits
    this.#rebatcher = new Rebatcher(limits)
  }

  /** Rows given so far. */
  get rows(): number {
    return this.#rows
  }

  /** Adds rows. All batches need the columns and types of the first. */
  async write(batch: RecordBatch): Promise<void> {
    const schema = await this.#begun(batch.schema)
    const different = differentSchemas(schema, batch.schema, 'toArrow')
    if (different) throw different
    for (const full of this.#rebatcher.push(batch)) await this.#append(full)
    this.#rows += batch.numRows
  }

  /** What it takes to go on; rows that wait are part of it. */
  save(): ArrowState {
    const waiting = this.#rebatcher.held()
    return {
      rows: this.#rows,
      schema: this.#schema && encodeSchema(this.#schema),
      position: this.#writer.position,
      dictionaries: this.#dictionaries.save(),
      waiting: waiting && encodeBatch(waiting),
    }
  }

  /** Goes on as {@link save} left it. */
  async restore({ rows, schema, position, dictionaries, waiting }: ArrowState): Promise<void> {
    if (!schema) return
    this.#schema = decodeSchema(schema)
    this.#dictionaries = new RunningDictionaries(dictionaries)
    this.#writer.resume(this.#schema, position, this.#dictionaries.vectors)
    this.#rebatcher = new Rebatcher(this.#limits)
    if (waiting) await this.write(decodeBatch(waiting))
    this.#rows = rows
  }

  /** Writes the rows that wait, and the end. `schema` is that of a file without rows. */
  async finish(schema: () => Promise<Schema>): Promise<void> {
    await this.#begun(this.#schema ?? (await schema()))
    for (const last of this.#rebatcher.flush()) await this.#append(last)
    await this.#file.append(this.#writer.end())
  }

  async #begun(schema: Schema): Promise<Schema> {
    if (this.#schema) return this.#schema
    this.#schema = renumbered(schema)
    await this.#file.append(this.#writer.begin(this.#schema))
    return this.#schema
  }

  async #append(batch: RecordBatch): Promise<void> {
    const schema = this.#schema as Schema
    // Two parts are joined by copying, which leaves nothing of the batch that this is a slice of.
    const compact = concat([batch, batch.slice(0, 0)])
    const children = compact.data.children.map((data: Data, i) =>
      this.#dictionaries.recoded(data, schema.fields[i]?.type as DataType),
    )
    await this.#file.append(this.#writer.encode(batchOfData(schema, children, batch.numRows)))
  }
}

/** `schema` with dictionaries numbered from 0 on: columns from several places may have the same number. */
function renumbered(schema: Schema): Schema {
  let next = 0
  const fields = schema.fields.map((field) =>
    field.clone({
      type: mapType(field.type as DataType, (type) =>
        Type.isDictionary(type)
          ? new Dictionary(type.dictionary as DataType, type.indices, next++, type.isOrdered)
          : type,
      ),
    }),
  )
  return new Schema(fields, schema.metadata)
}
