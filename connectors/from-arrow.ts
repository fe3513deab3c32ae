import type { RecordBatch, Schema } from 'apache-arrow'
import { type ArrowPosition, ArrowTable, type ArrowTableOptions } from '../src/arrow/arrow-table.ts'
import { OptionError } from '../src/errors.ts'
import type { Context } from '../src/flow/context.ts'
import type { Flow } from '../src/flow/flow.ts'
import { memoryOf } from '../src/flow/memory.ts'
import { source } from '../src/flow/source.ts'
import { tableNames } from '../src/item-ids.ts'
import { columnList, knownOptions, nonEmptyString, positiveInteger } from '../src/options.ts'
import { storedLocation } from '../src/storage/location.ts'
import { type StorageOptions, storageSettings } from '../src/storage/storage-options.ts'

/** Options of {@link fromArrow}. */
export interface FromArrowOptions {
  /**
   * Columns to read, in this order; `id` comes along in any case.
   *
   * @default all
   */
  readonly columns?: readonly string[]
  /**
   * The column of texts or integers that becomes `id`, in place of one of that name.
   *
   * @default 'id' where there is one, else ids are made: `file#row`, the row counted from 0
   */
  readonly idColumn?: string
  /**
   * Goes before every id with a slash, so that ids of several sources differ.
   *
   * @default no prefix
   */
  readonly sourceName?: string
  /**
   * Most rows of a batch.
   *
   * @default 4096
   */
  readonly batchRows?: number
  /**
   * Most bytes of a batch, by the mean of its record batch.
   *
   * @default 16_777_216
   */
  readonly batchBytes?: number
  /**
   * Most bytes that the chosen columns of a stored record batch may take, decompressed; a larger one is refused.
   *
   * @default 536_870_912, less if the run's memory asks for it
   */
  readonly recordBatchBytes?: number
  /**
   * How buckets and URLs are reached.
   *
   * @default by the environment
   */
  readonly storage?: StorageOptions
}

const name = 'fromArrow'
const known = ['columns', 'idColumn', 'sourceName', 'batchRows', 'batchBytes', 'recordBatchBytes']

/** A record batch is there stored and decompressed. */
const windowBatches = 2
const windowRange = { least: windowBatches * 2 ** 24, most: windowBatches * 2 ** 29 }

type Settings = Omit<ArrowTableOptions, 'ids' | 'several' | 'context' | 'recordBatchBytes'> & {
  readonly sourceName: string | undefined
}

/** What comes next: a file, and where in it. */
interface Position extends ArrowPosition {
  readonly file: number
}

/**
 * Reads Arrow IPC, files (Feather version 2) and streams (what Hugging Face `datasets` saves), one after another, one
 * record batch at a time.
 *
 * - Order: as stored. Delivery: every row once per subscription; a resumed run goes on after the last batch of
 *   the checkpoint: of a file it reads from that record batch on, of a stream it passes over those before.
 * - Columns: those of the files; all files have those of the first. Large and view types are read as the plain ones
 *   of their kind; unions, list views and run-end encoded columns are refused. Buffers may be compressed, LZ4 or zstd.
 * - Of columns that are not chosen no byte of a file is read or decompressed; of a stream they are passed over.
 * - Memory: one record batch's chosen columns, stored and decompressed, with the dictionaries of the file.
 * - Unsubscribing closes the file.
 *
 * @throws {OptionError} at the call, for options out of range
 * @throws {ConnectorError} on the stream, if a file cannot be read
 * @throws {DataError} on the stream, if a file is damaged, cut, empty or not Arrow IPC, or an id is null
 * @throws {SchemaError} on the stream, if a file lacks a column or has others than the first
 * @see https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 * @example
 * fromArrow('data-00000-of-00001.arrow').pipe(map((batch) => batch.numRows)) // => 1000, 1000, 314
 */
export function fromArrow(
  location: string | readonly string[],
  options: FromArrowOptions = {},
): Flow<RecordBatch> {
  const locations = typeof location === 'string' ? [location] : [...location]
  if (locations.length === 0) throw new OptionError('Expected at least one location, got none')
  for (const each of locations) storedLocation('location', each)
  knownOptions(name, options, [...known, 'storage'])
  const { columns, idColumn, sourceName, batchRows, batchBytes, storage } = options
  if (storage) storageSettings(storage)
  const settings: Settings = {
    columns: columns && columnList('columns', columns),
    idColumn: idColumn === undefined ? undefined : nonEmptyString('idColumn', idColumn),
    sourceName: sourceName === undefined ? undefined : nonEmptyString('sourceName', sourceName),
    batchRows: positiveInteger('batchRows', batchRows ?? 4096),
    batchBytes: positiveInteger('batchBytes', batchBytes ?? 2 ** 24),
    storage,
  }
  const recordBatchBytes =
    options.recordBatchBytes === undefined
      ? undefined
      : positiveInteger('recordBatchBytes', options.recordBatchBytes)

  const flow: Flow<RecordBatch> = source<RecordBatch, Position>({
    name,
    schema: () => schemaOf({ locations, settings, recordBatchBytes: windowRange.most }),
    read(context, from) {
      const window = recordBatchBytes ?? Math.floor(memoryOf(flow, context) / windowBatches)
      return read({ locations, settings, recordBatchBytes: window }, context, from)
    },
    memoryBytes: recordBatchBytes === undefined ? windowRange : windowBatches * recordBatchBytes,
    settings: { location, ...options },
  })
  return flow
}

interface Plan {
  readonly locations: readonly string[]
  readonly settings: Settings
  readonly recordBatchBytes: number
}

async function schemaOf(plan: Plan): Promise<Schema> {
  const first = await openTable(plan, 0, { signal: new AbortController().signal })
  await first.close()
  return first.schema
}

async function* read(
  plan: Plan,
  context: Context,
  from: Position = { file: 0, batch: 0, row: 0, before: 0 },
): AsyncGenerator<[RecordBatch, Position]> {
  let schema: Schema | undefined
  // Going on in a later file, the first one still says what the columns are.
  for (let file = 0; file < plan.locations.length; file = Math.max(file + 1, from.file)) {
    const table = await openTable(plan, file, context)
    try {
      schema ??= table.schema
      table.mustMatch(schema)
      if (file < from.file) continue
      const start = file === from.file ? from : undefined
      for await (const [batch, next] of table.rows(schema, start)) yield [batch, { file, ...next }]
    } finally {
      await table.close()
    }
  }
}

function openTable(
  { locations, settings, recordBatchBytes }: Plan,
  index: number,
  context: Context,
): Promise<ArrowTable> {
  const ids = { prefix: settings.sourceName, table: tableNames(locations)[index] ?? '' }
  const several = locations.length > 1
  const options = { ...settings, recordBatchBytes, ids, several, context }
  return ArrowTable.open(locations[index] ?? '', options)
}
