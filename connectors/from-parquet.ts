import type { RecordBatch, Schema } from 'apache-arrow'
import { openFile } from '../src/storage/file-bytes.ts'
import { decodingBytes } from '../src/parquet/limits.ts'
import { ParquetFile } from '../src/parquet/parquet-file.ts'
import type { Context } from '../src/flow/context.ts'
import { OptionError } from '../src/errors.ts'
import type { Flow } from '../src/flow/flow.ts'
import { memoryOf } from '../src/flow/memory.ts'
import { tableNames } from '../src/item-ids.ts'
import {
  columnList,
  knownOptions,
  localPath,
  nonEmptyString,
  positiveInteger,
} from '../src/options.ts'
import {
  ParquetTable,
  type TableOptions,
  type TablePosition,
} from '../src/parquet/parquet-table.ts'
import { ParquetThread } from '../src/parquet/parquet-thread.ts'
import { source } from '../src/flow/source.ts'

/** Options of {@link fromParquet}. */
export interface FromParquetOptions {
  /**
   * Columns to read, in this order; `id` comes along in any case. Of the others no byte is read.
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
   * Most bytes of a batch, by the mean of its row group.
   *
   * @default 16_777_216, less if the run's memory asks for it
   */
  readonly batchBytes?: number
  /**
   * Most bytes that the chosen columns of a row group may take, decompressed; a larger group is refused.
   *
   * @default 536_870_912, less if the run's memory asks for it
   */
  readonly rowGroupBytes?: number
}

const name = 'fromParquet'

type Settings = Omit<TableOptions, 'ids' | 'several' | 'thread' | 'context'> & {
  readonly sourceName: string | undefined
}

/** A row group is there stored and decoded; of batches there are two. */
const defaultWindow = { batchBytes: 2 ** 24, rowGroupBytes: 2 ** 29 }
const leastWindow = { batchBytes: 2 ** 20, rowGroupBytes: 2 ** 24 }

const sizes = ['batchRows', 'batchBytes', 'rowGroupBytes'] as const

/** What comes next: a file, and where in it. */
interface Position extends TablePosition {
  readonly file: number
}

/**
 * Reads Parquet files, one after another, one row group at a time.
 *
 * - Order: as stored. Delivery: every row once per subscription.
 * - Columns: those of the files; all files have those of the first. Large and view types are read as the plain
 *   ones of their kind. The schema is known from the first file's footer.
 * - Memory: one row group's chosen columns, stored and decoded, and two batches. A file that inflates
 *   beyond 1.5 GiB, or three times `rowGroupBytes`, is refused.
 * - Unsubscribing closes the file and ends the worker thread that decodes.
 *
 * @throws {OptionError} at the call, for options out of range
 * @throws {ConnectorError} on the stream, if a file cannot be read
 * @throws {DataError} on the stream, if a file is damaged, cut, empty or not Parquet, or an id is null
 * @throws {SchemaError} on the stream, if a file lacks a column or has others than the first
 * @see https://parquet.apache.org/docs/file-format/
 * @example
 * fromParquet('flights.parquet', { columns: ['delay'] }).pipe(map((batch) => batch.numRows)) // => 4096, 904
 */
export function fromParquet(
  location: string | readonly string[],
  options: FromParquetOptions = {},
): Flow<RecordBatch> {
  const paths = typeof location === 'string' ? [location] : [...location]
  if (paths.length === 0) throw new OptionError('Expected at least one path, got none')
  for (const path of paths) localPath('location', path)
  knownOptions(name, options, [...sizes, 'columns', 'idColumn', 'sourceName'])
  const settings: Settings = {
    columns: options.columns && columnList('columns', options.columns),
    idColumn: optionalText('idColumn', options.idColumn),
    sourceName: optionalText('sourceName', options.sourceName),
    batchRows: positiveInteger('batchRows', options.batchRows ?? 4096),
    ...defaultWindow,
    ...given(options),
  }
  const least = heldBytes({ ...leastWindow, ...given(options) })
  const most = heldBytes(settings)

  const flow: Flow<RecordBatch> = source<RecordBatch, Position>({
    name,
    schema: () => schemaOf(paths, settings),
    read: (context, from) => {
      // Both windows shrink alike.
      const ratio = most > least ? (memoryOf(flow, context) - least) / (most - least) : 1
      return read(paths, { ...settings, ...shrunk(ratio), ...given(options) }, context, from)
    },
    count: (signal) => countRows(paths, signal),
    memoryBytes: { least, most },
    settings: { paths, ...options },
  })
  return flow
}

type Window = Pick<Settings, 'batchBytes' | 'rowGroupBytes'>

/** The sizes that the user has set. */
function given({ batchBytes, rowGroupBytes }: FromParquetOptions): Partial<Window> {
  return {
    ...(batchBytes !== undefined && { batchBytes: positiveInteger('batchBytes', batchBytes) }),
    ...(rowGroupBytes !== undefined && {
      rowGroupBytes: positiveInteger('rowGroupBytes', rowGroupBytes),
    }),
  }
}

function heldBytes({ batchBytes, rowGroupBytes }: Window): number {
  return 2 * batchBytes + 2 * rowGroupBytes
}

/** The window between the least (0) and the default (1). */
function shrunk(ratio: number): Window {
  function between(name: keyof Window): number {
    return Math.floor(leastWindow[name] + ratio * (defaultWindow[name] - leastWindow[name]))
  }
  return { batchBytes: between('batchBytes'), rowGroupBytes: between('rowGroupBytes') }
}

function optionalText(option: string, value: string | undefined): string | undefined {
  return value === undefined ? undefined : nonEmptyString(option, value)
}

/** Rows by the footers. */
async function countRows(paths: readonly string[], signal: AbortSignal): Promise<number> {
  let count = 0
  for (const path of paths) {
    const bytes = await openFile(path)
    try {
      const { footer } = await ParquetFile.open(bytes, signal)
      for (const { numRows } of footer.rowGroups) count += numRows
    } finally {
      await bytes.close()
    }
  }
  return count
}

async function schemaOf(paths: readonly string[], settings: Settings): Promise<Schema> {
  const thread = new ParquetThread()
  const { signal } = new AbortController()
  try {
    const first = await openTable(paths, 0, { settings, thread, context: { signal } })
    await first.close()
    return first.schema
  } finally {
    await thread.close()
  }
}

async function* read(
  paths: readonly string[],
  settings: Settings,
  context: Context,
  from: Position = { file: 0, rowGroup: 0, batch: 0 },
): AsyncGenerator<[RecordBatch, Position]> {
  const thread = new ParquetThread(decodingBytes(settings.rowGroupBytes))
  let schema: Schema | undefined
  try {
    // Going on in a later file, the first one still says what the columns are.
    for (let file = 0; file < paths.length; file = Math.max(file + 1, from.file)) {
      const table = await openTable(paths, file, { settings, thread, context })
      try {
        schema ??= table.schema
        table.mustMatch(schema)
        if (file < from.file) continue
        const start = file === from.file ? from : undefined
        for await (const [batch, next] of table.rows(schema, start))
          yield [batch, { file, ...next }]
      } finally {
        await table.close()
      }
    }
  } finally {
    await thread.close()
  }
}

function openTable(
  paths: readonly string[],
  index: number,
  { settings, thread, context }: { settings: Settings; thread: ParquetThread; context: Context },
): Promise<ParquetTable> {
  const ids = { prefix: settings.sourceName, table: tableNames(paths)[index] ?? '' }
  const several = paths.length > 1
  return ParquetTable.open(paths[index] ?? '', { ...settings, ids, several, thread, context })
}
