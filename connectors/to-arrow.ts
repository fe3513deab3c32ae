import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { type ArrowState, ArrowWriter } from '../src/arrow/arrow-writer.ts'
import type { IpcFormat } from '../src/arrow/ipc-writer.ts'
import { reopenedArrow } from '../src/arrow/reopened-arrow.ts'
import { select } from '../src/batch/batch.ts'
import { selectedSchema } from '../src/batch/selected-schema.ts'
import { type Flow, flowOf } from '../src/flow/flow.ts'
import { sink, type WriteSummary } from '../src/flow/sink.ts'
import { columnList, knownOptions, oneOf } from '../src/options.ts'
import type { FileFormat } from '../src/output/file-format.ts'
import { fileSink, type FileSinkState } from '../src/output/file-sink.ts'
import { schemaWithoutRows } from '../src/output/schema-without-rows.ts'
import { outputLocation } from '../src/storage/location.ts'
import { type StorageOptions, storageSettings } from '../src/storage/storage-options.ts'

/** Options of {@link toArrow}. */
export interface ToArrowOptions {
  /**
   * Columns to write, in this order.
   *
   * @default all but the heavy ones
   */
  readonly columns?: readonly string[]
  /**
   * A file, whose record batches can be found without reading those before (Feather version 2), or a stream, which
   * can be read while it grows.
   *
   * @default 'file'
   */
  readonly format?: 'file' | 'stream'
  /**
   * How buckets are reached.
   *
   * @default as the environment says
   */
  readonly storage?: StorageOptions
}

const name = 'toArrow'

/** Where record batches are cut. */
const limits = { rows: 8192, bytes: 2 ** 24 }
/** Record batches' worth of bytes that are held: see {@link toArrow}. */
const windowBatches = 4

/**
 * Writes the rows as Arrow IPC to the file at `path`, and answers with a receipt.
 *
 * - Order: as they come. Equal rows give equal bytes, whatever batches they came in.
 * - Delivery: exactly once. The file has its name when it is complete and synced; before that it is a
 *   hidden `.tmp` beside it, which an error or an early end removes, unless a checkpoint needs it.
 * - Of a flow that does not end by itself: `path` is a folder, which gets a file at each checkpoint and one at the end.
 * - Columns: types and metadata of fields and schema are kept. Of a column with a dictionary the values that are new
 *   go before each record batch. Without rows the file has the flow's schema.
 * - Memory: 64 MiB: the rows that wait for their record batch (8,192 of them, or 16 MiB), joined, and encoded; and the
 *   distinct values of dictionaries.
 *
 * @throws {OptionError} at the call, for an option it does not know
 * @throws {ConnectorError} on the stream, if the file cannot be written
 * @throws {SchemaError} on the stream, if batches differ in columns, or none came and the flow's schema is not known
 * @example
 * await lastValueFrom(flow.pipe(toArrow('scores.arrow'))) // => { sink: 'toArrow', rows: 314, … }
 */
export function toArrow(
  path: string,
  options: ToArrowOptions = {},
): OperatorFunction<RecordBatch, WriteSummary> {
  outputLocation('path', path)
  knownOptions(name, options, ['columns', 'format', 'storage'])
  const { storage } = options
  storageSettings(storage)
  const columns = options.columns && columnList('columns', options.columns)
  const format = oneOf('format', options.format ?? 'file', ['file', 'stream'])

  return (source) => {
    const input = flowOf(source)
    const written = arrowFormat({ columns, format, input, storage })
    return sink<FileSinkState<ArrowState>>({
      ...fileSink(written, { path, parts: !input.bounded, storage }),
      schema: (schema) => selectedSchema(schema, columns, name),
      memoryBytes: windowBatches * limits.bytes,
      settings: { path, columns, format, storage },
      ...(columns && { columns }),
    })(input)
  }
}

interface Setup {
  readonly columns: readonly string[] | undefined
  readonly format: IpcFormat
  readonly input: Flow<RecordBatch>
  readonly storage: StorageOptions | undefined
}

function arrowFormat({ columns, format, input, storage }: Setup): FileFormat<ArrowState> {
  async function emptySchema(): Promise<Schema> {
    return selectedSchema(await schemaWithoutRows(input), columns, name)
  }

  return {
    name,
    extension: format === 'file' ? 'arrow' : 'arrows',
    async encode(file, from) {
      const writer = new ArrowWriter(file, format, limits)
      if (from) await writer.restore(from)
      return {
        get rows() {
          return writer.rows
        },
        write: (batch) => writer.write(columns ? select(batch, columns) : batch),
        save: () => Promise.resolve(writer.save()),
        finish: () => writer.finish(emptySchema),
        close: () => Promise.resolve(),
      }
    },
    reopen: (path) => reopenedArrow(path, { format, storage }),
  }
}
