import { availableParallelism } from 'node:os'
import type { RecordBatch } from 'apache-arrow'
import { OptionError } from '../src/errors.ts'
import type { Flow } from '../src/flow/flow.ts'
import { memoryOf } from '../src/flow/memory.ts'
import { source } from '../src/flow/source.ts'
import {
  columnList,
  knownOptions,
  nonEmptyString,
  oneOf,
  positiveInteger,
  wholeNumber,
} from '../src/options.ts'
import { conventionChoices, type Conventions } from '../src/parquet/hugging-face.ts'
import {
  countRows,
  type Position,
  type ReadOptions,
  readTables,
  schemaOf,
  type Share,
} from '../src/parquet/read-tables.ts'
import { storedLocation } from '../src/storage/location.ts'
import { type StorageOptions, storageSettings } from '../src/storage/storage-options.ts'

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
  /**
   * Threads that decode row groups. Order and values do not depend on it.
   *
   * @default 2, or the run's threads if that is fewer
   */
  readonly threads?: number
  /**
   * Reads one share of the row groups: share `index`, from 0, `of` so many. The shares one after another are the whole,
   * and ids are those of the whole, so that many processes can read a part each.
   *
   * @default all row groups
   */
  readonly share?: Share
  /**
   * Whether the columns of Hugging Face datasets become the usual ones: `image: struct<bytes, path>` the pictures
   * `image` and their path `uri`, and class labels, by the metadata of the file, texts. Where a file has none of these
   * nothing changes.
   *
   * @default 'huggingface'
   */
  readonly conventions?: Conventions
  /** How buckets and URLs are reached. */
  readonly storage?: StorageOptions
}

const name = 'fromParquet'

/** A row group is there stored and decoded; of batches there are two in each thread. */
const defaultWindow = { batchBytes: 2 ** 24, rowGroupBytes: 2 ** 29 }
const leastWindow = { batchBytes: 2 ** 20, rowGroupBytes: 2 ** 24 }

const sizes = ['batchRows', 'batchBytes', 'rowGroupBytes'] as const

const names = ['columns', 'idColumn', 'sourceName']
const known = [...sizes, ...names, 'threads', 'share', 'conventions', 'storage']
const defaultThreads = 2

/**
 * Reads Parquet files: paths, URLs, folders with the `.parquet` files under them, and globs
 * (`data/*.parquet`, `**` for any folders).
 *
 * - Order: locations as given, in folders and globs by the bytes of the names; rows as stored. Delivery: every row once
 *   per subscription; a resumed run goes on after the last row of the checkpoint.
 * - Columns: those of the files; all files have those of the first. Large and view types are read as the plain
 *   ones of their kind. The schema is known from the first file's footer. Folders called `column=value` below a location
 *   add a column of text each, unless the file has it. See `conventions` for those of Hugging Face.
 * - Ignored in folders and globs: names that begin with a dot or an underscore.
 * - Row groups are decoded in `threads` threads, and one is read ahead.
 * - Memory: 2 times `rowGroupBytes` for all row groups that are read, stored and decoded: a large one is read
 *   alone; and two batches for each thread. A file that inflates beyond 1.5 GiB, or three times `rowGroupBytes`, is refused.
 * - Unsubscribing closes the files and ends the worker threads that decode.
 *
 * @throws {OptionError} at the call, for options out of range; on the stream, if a file comes twice
 * @throws {ConnectorError} on the stream, if a file cannot be read, or a folder has none
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
  const settings = settingsOf(location, options)
  const least = heldBytes({ ...settings, ...leastWindow, ...given(options) })
  const most = heldBytes(settings)

  const flow: Flow<RecordBatch> = source<RecordBatch, Position>({
    name,
    schema: () => schemaOf(settings),
    read: (context, from) => {
      // Both windows shrink alike.
      const ratio = most > least ? (memoryOf(flow, context) - least) / (most - least) : 1
      const cores = context.run?.threads ?? availableParallelism()
      const threads = options.threads ?? Math.min(cores, defaultThreads)
      const window = { ...shrunk(ratio), ...given(options) }
      return readTables({ ...settings, ...window, threads }, context, from)
    },
    count: (signal) => countRows(settings, signal),
    memoryBytes: { least, most },
    settings: { paths: settings.locations, ...options },
  })
  return flow
}

function settingsOf(
  location: string | readonly string[],
  options: FromParquetOptions,
): ReadOptions {
  const locations = typeof location === 'string' ? [location] : [...location]
  if (locations.length === 0) throw new OptionError('Expected at least one path, got none')
  for (const each of locations) storedLocation('location', each)
  knownOptions(name, options, known)
  storageSettings(options.storage)
  return {
    locations,
    columns: options.columns && columnList('columns', options.columns),
    idColumn: optionalText('idColumn', options.idColumn),
    sourceName: optionalText('sourceName', options.sourceName),
    batchRows: positiveInteger('batchRows', options.batchRows ?? 4096),
    ...defaultWindow,
    ...given(options),
    threads: positiveInteger('threads', options.threads ?? defaultThreads),
    share: options.share && shareOf(options.share),
    conventions: oneOf('conventions', options.conventions ?? 'huggingface', conventionChoices),
    storage: options.storage,
  }
}

function shareOf({ index, of, ...rest }: Share): Share {
  knownOptions('share', rest, ['index', 'of'])
  const share = { index: wholeNumber('share.index', index), of: positiveInteger('share.of', of) }
  if (share.index < share.of) return share
  throw new OptionError(
    `Expected option \`share.index\` to be less than \`share.of\`, got ${String(index)} of ${String(of)}`,
  )
}

type Window = Pick<ReadOptions, 'batchBytes' | 'rowGroupBytes'>

/** The sizes that the user has set. */
function given({ batchBytes, rowGroupBytes }: FromParquetOptions): Partial<Window> {
  return {
    ...(batchBytes !== undefined && { batchBytes: positiveInteger('batchBytes', batchBytes) }),
    ...(rowGroupBytes !== undefined && {
      rowGroupBytes: positiveInteger('rowGroupBytes', rowGroupBytes),
    }),
  }
}

function heldBytes({ batchBytes, rowGroupBytes, threads }: Window & { threads: number }): number {
  return 2 * threads * batchBytes + 2 * rowGroupBytes
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
