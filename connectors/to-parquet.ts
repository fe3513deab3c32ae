import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { select } from '../src/batch/batch.ts'
import { openBytes } from '../src/storage/open-bytes.ts'
import type { Context } from '../src/flow/context.ts'
import { type Flow, flowOf } from '../src/flow/flow.ts'
import { memoryOf } from '../src/flow/memory.ts'
import {
  columnList,
  knownOptions,
  numberBetween,
  oneOf,
  positiveInteger,
  trueOrFalse,
} from '../src/options.ts'
import { type FileFormat, fileSink, type FileSinkState } from '../src/output/file-sink.ts'
import { schemaWithoutRows } from '../src/output/schema-without-rows.ts'
import { ParquetFile } from '../src/parquet/parquet-file.ts'
import {
  type ParquetLayout,
  type ParquetState,
  ParquetWriter,
} from '../src/parquet/parquet-writer.ts'
import { encodeStruct } from '../src/parquet/thrift-codec.ts'
import { selectedSchema } from '../src/batch/selected-schema.ts'
import { sink, type WriteSummary } from '../src/flow/sink.ts'
import { outputLocation } from '../src/storage/location.ts'
import { type StorageOptions, storageSettings } from '../src/storage/storage-options.ts'

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
   * How buckets are reached.
   *
   * @default as the environment says
   */
  readonly storage?: StorageOptions
}

const name = 'toParquet'
const maxRowGroupBytes = 512 * 2 ** 20
/** Row groups' worth of bytes that are held: see {@link toParquet}. */
const windowGroups = 6
const windowRange = { least: windowGroups * 2 ** 20, most: windowGroups * 2 ** 26 }

/**
 * Writes the rows to one Parquet file at `path` and answers with a receipt.
 *
 * - Order: as they come. Equal rows give equal bytes, whatever batches they came in.
 * - Delivery: exactly once. The file has its name when it is complete and synced; before that it is a
 *   hidden `.tmp` beside it, which an error or an early end removes, unless a checkpoint needs it.
 * - Of a flow that does not end by itself: `path` is a folder, which gets a file at each checkpoint and one at the end.
 * - Columns: types and metadata of fields and schema are kept. Without rows the file has the flow's schema.
 * - Memory: 6 times `rowGroupBytes`: the rows that wait for their group, those of the group before, and these again
 *   on their way through WebAssembly, which keeps what it once took.
 * - The run's memory decides where row groups end; the rows are the same.
 *
 * @throws {OptionError} at the call, for options out of range
 * @throws {ConnectorError} on the stream, if the file cannot be written
 * @throws {SchemaError} on the stream, if batches differ in columns, or none came and the flow's schema is not known
 * @example
 * await lastValueFrom(flow.pipe(toParquet('scores.parquet'))) // => { sink: 'toParquet', rows: 314, … }
 */
export function toParquet(
  path: string,
  options: ToParquetOptions = {},
): OperatorFunction<RecordBatch, WriteSummary> {
  outputLocation('path', path)
  knownOptions(name, options, [
    'columns',
    'rowGroupRows',
    'rowGroupBytes',
    'compression',
    'dictionary',
    'storage',
  ])
  const { columns: chosen, rowGroupBytes, storage } = options
  storageSettings(storage)
  const columns = chosen && columnList('columns', chosen)
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
        ...fileSink(format, { path, parts: !input.bounded, storage }),
        schema: (schema) => selectedSchema(schema, columns, name),
        memoryBytes: rowGroupBytes === undefined ? windowRange : windowGroups * rowGroupBytes,
        settings: { path, columns, ...layout, storage },
        ...(columns && { columns }),
      })(input),
    )
    return flow
  }
}

const compressions = ['zstd', 'snappy', 'gzip', 'none'] as const

interface Setup {
  readonly columns: readonly string[] | undefined
  readonly layoutIn: (context: Context) => ParquetLayout
  readonly input: Flow<RecordBatch>
  readonly storage: StorageOptions | undefined
}

function parquetFormat({ columns, layoutIn, input, storage }: Setup): FileFormat<ParquetState> {
  async function emptySchema(): Promise<Schema> {
    return selectedSchema(await schemaWithoutRows(input), columns, name)
  }

  return {
    name,
    extension: 'parquet',
    async encode(file, from, context) {
      const writer = new ParquetWriter(file, layoutIn(context))
      if (from) await writer.restore(from)
      return {
        get rows() {
          return writer.rows
        },
        write: (batch) => writer.write(columns ? select(batch, columns) : batch),
        save: () => writer.save(),
        finish: () => writer.finish(emptySchema),
        close: () => writer.close(),
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
