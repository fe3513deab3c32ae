import type { DataType, RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { select } from '../src/batch/batch.ts'
import { requireField, schemaWithout } from '../src/batch/schema.ts'
import { OptionError } from '../src/errors.ts'
import { outputLocation } from '../src/storage/location.ts'
import { openBytes } from '../src/storage/open-bytes.ts'
import { type StorageOptions, storageSettings } from '../src/storage/storage-options.ts'
import type { Context } from '../src/flow/context.ts'
import { type Flow, flowOf } from '../src/flow/flow.ts'
import { memoryOf, type MemoryRange } from '../src/flow/memory.ts'
import {
  columnList,
  knownOptions,
  numberBetween,
  oneOf,
  positiveInteger,
  trueOrFalse,
} from '../src/options.ts'
import { isPartition, notPartition, type FolderLayout } from '../src/output/folder-layout.ts'
import type { FileFormat } from '../src/output/file-format.ts'
import { fileSink, type FileSinkState } from '../src/output/file-sink.ts'
import { schemaWithoutRows } from '../src/output/schema-without-rows.ts'
import { decodingBytes } from '../src/parquet/limits.ts'
import { ParquetFile } from '../src/parquet/parquet-file.ts'
import {
  type ParquetLayout,
  type ParquetState,
  ParquetWriter,
} from '../src/parquet/parquet-writer.ts'
import { SharedThread } from '../src/parquet/shared-thread.ts'
import { encodeStruct } from '../src/parquet/thrift-codec.ts'
import { selectedSchema } from '../src/batch/selected-schema.ts'
import { sink, type WriteSummary } from '../src/flow/sink.ts'

/** Options of {@link toParquet}. */
export interface ToParquetOptions {
  /**
   * Columns to write, in this order.
   *
   * @default all but the heavy ones
   */
  readonly columns?: readonly string[]
  /**
   * Most rows of a row group.
   *
   * @default 65_536
   */
  readonly rowGroupRows?: number
  /**
   * Most bytes of a row group's rows in memory, at most 512 MiB. A larger row has a group of its own.
   *
   * @default 67_108_864, less if the run's memory asks for it
   */
  readonly rowGroupBytes?: number
  /**
   * Compression of the pages.
   *
   * @default 'zstd'
   */
  readonly compression?: 'zstd' | 'snappy' | 'gzip' | 'none'
  /**
   * Whether text columns are stored as numbers into a dictionary of their values, as long as that is small.
   *
   * @default true
   */
  readonly dictionary?: boolean
  /**
   * Columns of text, integers or booleans. `path` is then a folder, in which a row goes to the folder of its values,
   * `label=cat/split=train`, as Hive names it; the columns are left out of the files. `fromParquet(path)` has them again.
   *
   * @default none
   */
  readonly partitionBy?: readonly string[]
  /**
   * Most rows of a file: `path` is then a folder of files.
   *
   * @default one file
   */
  readonly fileRows?: number
  /**
   * Most bytes of a file's rows in memory; compressed they are fewer. `path` is then a folder of files.
   *
   * @default one file
   */
  readonly fileBytes?: number
  /**
   * Most files that are written at a time with `partitionBy`: the one that got no row for longest is ended for another.
   * Where values come mixed, that should be as many as there are folders.
   *
   * @default 16
   */
  readonly openFiles?: number
  /**
   * How buckets are reached.
   *
   * @default as the environment says
   */
  readonly storage?: StorageOptions
}

const name = 'toParquet'
const maxRowGroupBytes = 512 * 2 ** 20
const known = ['columns', 'rowGroupRows', 'rowGroupBytes', 'compression', 'dictionary', 'storage']
const knownOfFolders = ['partitionBy', 'fileRows', 'fileBytes', 'openFiles']

/**
 * Writes the rows to a Parquet file at `path`, or to a folder of them, and answers with a receipt.
 *
 * - Order: as they come. Equal rows give equal bytes, whatever batches they came in.
 * - Delivery: exactly once. The file has its name when it is complete and synced; before that it is a
 *   hidden `.tmp` beside it, which an error or an early end removes, unless a checkpoint needs it.
 * - With `partitionBy`, `fileRows` or `fileBytes`, `path` is a folder that has no other files. They get their names
 *   together at the end, `part-000001.parquet`, and equal rows give equal files.
 * - Of a flow that does not end by itself: `path` is a folder, which gets files at each checkpoint and at the end.
 * - Columns: types and metadata of fields and schema are kept. Without rows the file has the flow's schema.
 * - Memory: 6 times `rowGroupBytes`: the rows that wait for their group, those of the group before, and these again
 *   on their way through WebAssembly, which keeps what it once took. With `partitionBy` 4 times, and 2 times for each
 *   of `openFiles`: by default groups are smaller then, and it is as much. Each file whole takes some 200 bytes.
 * - The run's memory decides where row groups end; the rows are the same.
 *
 * @throws {OptionError} at the call, for options out of range
 * @throws {ConnectorError} on the stream, if the file cannot be written, or the folder has others
 * @throws {SchemaError} on the stream, if batches differ in columns, or none came and the flow's schema is not known
 * @example
 * await lastValueFrom(flow.pipe(toParquet('scores.parquet'))) // => { sink: 'toParquet', rows: 314, … }
 */
export function toParquet(
  path: string,
  options: ToParquetOptions = {},
): OperatorFunction<RecordBatch, WriteSummary> {
  outputLocation('path', path)
  knownOptions(name, options, [...known, ...knownOfFolders])
  const { columns: chosen, rowGroupBytes, storage } = options
  storageSettings(storage)
  const folder = folderOf(options)
  const partitionBy = folder?.partitionBy ?? []
  const columns = chosen && columnList('columns', chosen).filter((c) => !partitionBy.includes(c))
  const windowGroups = 4 + 2 * (folder?.openFiles ?? 1)
  const layout = {
    rowGroupRows: positiveInteger('rowGroupRows', options.rowGroupRows ?? 65_536),
    ...(rowGroupBytes !== undefined && {
      rowGroupBytes: numberBetween('rowGroupBytes', rowGroupBytes, 1, maxRowGroupBytes),
    }),
    compression: oneOf('compression', options.compression ?? 'zstd', compressions),
    dictionary: trueOrFalse('dictionary', options.dictionary ?? true),
  }

  return (source) => {
    const input = flowOf(source)
    function layoutIn(context: Context): ParquetLayout {
      return { rowGroupBytes: Math.ceil(memoryOf(flow, context) / windowGroups), ...layout }
    }
    const format = parquetFormat({ columns, layoutIn, input, storage })
    const flow: Flow<WriteSummary> = flowOf(
      sink<FileSinkState<ParquetState>>({
        ...fileSink(format, { path, parts: !input.bounded, layout: folder, storage }),
        schema: (schema) => writtenSchema(schema, columns, partitionBy),
        memoryBytes: windowGroups * (rowGroupBytes ?? 0) || windowRange(windowGroups),
        settings: { path, columns, ...layout, ...folder, storage },
        ...(columns && { columns }),
      })(input),
    )
    return flow
  }
}

function folderOf(options: ToParquetOptions): FolderLayout | undefined {
  const { partitionBy, fileRows, fileBytes, openFiles } = options
  if (openFiles !== undefined && !partitionBy)
    throw new OptionError('Expected option `openFiles` to come with `partitionBy`')
  if (!partitionBy && fileRows === undefined && fileBytes === undefined) return undefined
  return {
    partitionBy: partitionBy ? columnList('partitionBy', partitionBy) : [],
    fileRows: fileRows === undefined ? undefined : positiveInteger('fileRows', fileRows),
    fileBytes: fileBytes === undefined ? undefined : positiveInteger('fileBytes', fileBytes),
    openFiles: positiveInteger('openFiles', openFiles ?? (partitionBy ? 16 : 1)),
  }
}

/** As much for many files as for one, as long as their groups are not too small. */
function windowRange(groups: number): MemoryRange {
  const [least, most] = groups > 6 ? [2 ** 18, 2 ** 20] : [2 ** 20, 2 ** 26]
  return { least: groups * least, most: Math.max(6 * 2 ** 26, groups * most) }
}

/** What is in the files. */
function writtenSchema(
  schema: Schema,
  columns: readonly string[] | undefined,
  partitionBy: readonly string[],
): Schema {
  for (const column of partitionBy) {
    const type = requireField(schema, column, { owner: name }).type as DataType
    if (!isPartition(type)) throw notPartition(column, type)
  }
  return schemaWithout(selectedSchema(schema, columns, name), partitionBy)
}

const compressions = ['zstd', 'snappy', 'gzip', 'none'] as const

interface Setup {
  readonly columns: readonly string[] | undefined
  readonly layoutIn: (context: Context) => ParquetLayout
  readonly input: Flow<RecordBatch>
  readonly storage: StorageOptions | undefined
}

function parquetFormat({ columns, layoutIn, input, storage }: Setup): FileFormat<ParquetState> {
  const shared = new SharedThread()
  async function emptySchema(): Promise<Schema> {
    return selectedSchema(await schemaWithoutRows(input), columns, name)
  }

  return {
    name,
    extension: 'parquet',
    async encode(file, from, context) {
      const layout = layoutIn(context)
      const thread = shared.take(decodingBytes(layout.rowGroupBytes))
      const writer = new ParquetWriter(file, layout, thread)
      if (from)
        await writer.restore(from).catch(async (error: unknown) => {
          await shared.release()
          throw error
        })
      return {
        get rows() {
          return writer.rows
        },
        write: (batch) => writer.write(columns ? select(batch, columns) : batch),
        save: () => writer.save(),
        finish: () => writer.finish(emptySchema),
        async close() {
          await writer.close()
          await shared.release()
        },
      }
    },
    async reopen(path) {
      const bytes = await openBytes(path, storage)
      try {
        const { footer, dataEnd } = await ParquetFile.open(bytes, new AbortController().signal)
        const state = { footer: encodeStruct(footer.struct), waiting: undefined }
        return { bytes: dataEnd, state, rows: footer.numRows }
      } finally {
        await bytes.close()
      }
    },
  }
}
