import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { select } from '../src/batch/batch.ts'
import { SchemaError } from '../src/errors.ts'
import { type Flow, flowOf } from '../src/flow/flow.ts'
import {
  columnList,
  knownOptions,
  nonEmptyString,
  numberBetween,
  oneOf,
  positiveInteger,
  trueOrFalse,
} from '../src/options.ts'
import { OutputFile } from '../src/output-file.ts'
import {
  type ParquetLayout,
  type ParquetState,
  ParquetWriter,
} from '../src/parquet/parquet-writer.ts'
import { selectedSchema } from '../src/batch/selected-schema.ts'
import { sink, type Writer, type WriteSummary } from '../src/flow/sink.ts'

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
   * @default 67_108_864
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
}

const name = 'toParquet'
const maxRowGroupBytes = 512 * 2 ** 20

/**
 * Writes the rows to one Parquet file at `path` and answers with a receipt.
 *
 * - Order: as they come. Equal rows give equal bytes, whatever batches they came in.
 * - Delivery: exactly once. The file has its name when it is complete and synced; before that it is a
 *   hidden `.tmp` beside it, which an error or an early end removes, unless a checkpoint needs it.
 * - Columns: types and metadata of fields and schema are kept. Without rows the file has the flow's schema.
 * - Memory: the rows of two row groups, and one of them in WebAssembly.
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
  nonEmptyString('path', path)
  knownOptions(name, options, [
    'columns',
    'rowGroupRows',
    'rowGroupBytes',
    'compression',
    'dictionary',
  ])
  const { columns: chosen, rowGroupBytes = 64 * 2 ** 20 } = options
  const columns = chosen && columnList('columns', chosen)
  const layout: ParquetLayout = {
    rowGroupRows: positiveInteger('rowGroupRows', options.rowGroupRows ?? 65_536),
    rowGroupBytes: numberBetween('rowGroupBytes', rowGroupBytes, 1, maxRowGroupBytes),
    compression: oneOf('compression', options.compression ?? 'zstd', compressions),
    dictionary: trueOrFalse('dictionary', options.dictionary ?? true),
  }

  return (source) => {
    const input = flowOf(source)
    return sink<ParquetState>({
      name,
      guarantee: 'exactly-once',
      open: () => open(path, { columns, layout, input }),
      schema: (schema) => selectedSchema(schema, columns, name),
      memoryBytes: 3 * layout.rowGroupBytes,
      settings: { path, ...layout },
      ...(columns && { columns }),
    })(input)
  }
}

const compressions = ['zstd', 'snappy', 'gzip', 'none'] as const

interface Setup {
  readonly columns: readonly string[] | undefined
  readonly layout: ParquetLayout
  readonly input: Flow<RecordBatch>
}

async function open(
  path: string,
  { columns, layout, input }: Setup,
): Promise<Writer<ParquetState>> {
  let file = await OutputFile.create(path)
  const writer = new ParquetWriter(file, layout)
  const staged = new Set<string>()
  let committed = false

  async function emptySchema(): Promise<Schema> {
    const schema = await input.schema()
    if (schema) return selectedSchema(schema, columns, name)
    throw new SchemaError(
      `Expected rows for ${path}, or a flow that knows its schema, got neither; see \`declare\``,
      { column: '' },
    )
  }

  return {
    write: (batch) => writer.write(columns ? select(batch, columns) : batch),
    async stage() {
      const state = await writer.stage()
      staged.add(state.temporary)
      return state
    },
    async commit(state) {
      committed = true
      if (staged.has(state.temporary)) return
      await file.discard()
      file = await OutputFile.resume(path, state)
      await writer.restore(file, state)
    },
    async finish() {
      const { rows, bytes } = await writer.finish(emptySchema)
      await writer.close()
      return { sink: name, location: path, rows, bytes, files: 1 }
    },
    async abort() {
      await writer.close()
      await (committed ? file.close() : file.discard())
    },
  }
}
