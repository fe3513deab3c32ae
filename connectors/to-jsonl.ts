import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import type { WriteSummary } from '../src/flow/sink.ts'
import { columnList, knownOptions } from '../src/options.ts'
import { jsonRows } from '../src/output/json-rows.ts'
import { inPieces, lineSink } from '../src/output/line-sink.ts'
import { outputLocation } from '../src/storage/location.ts'
import { type StorageOptions, storageSettings } from '../src/storage/storage-options.ts'

/** Options of {@link toJsonl}. */
export interface ToJsonlOptions {
  /**
   * Columns to write, in this order.
   *
   * @default all but the heavy ones
   */
  readonly columns?: readonly string[]
  /**
   * How buckets are reached.
   *
   * @default as the environment says
   */
  readonly storage?: StorageOptions
}

const name = 'toJsonl'

/**
 * Writes one JSON object per row and line, to the file at `path` or, for `-`, to standard output; answers with a receipt.
 *
 * - Order: as the rows come.
 * - Delivery: exactly once to a file, which has its name when it is complete and synced; before that it is a hidden
 *   `.tmp` beside it, which an error or an early end removes, unless a checkpoint needs it. At least once to standard output.
 * - Of a flow that does not end by itself: `path` is a folder, which gets a file at each checkpoint and one at the end.
 * - Columns: integers beyond 2^53 − 1 and decimals are text, NaN and infinities null, bytes base64, dates and
 *   timestamps ISO 8601 to the millisecond, lists and tensors lists, structs and maps objects.
 * - Memory: the text of a batch, at most a mebibyte and a row.
 *
 * @throws {OptionError} at the call, for an option it does not know
 * @throws {ConnectorError} on the stream, if the output cannot be written
 * @example
 * await lastValueFrom(flow.pipe(toJsonl('scores.jsonl'))) // => { sink: 'toJsonl', rows: 314, … }
 */
export function toJsonl(
  path: string,
  options: ToJsonlOptions = {},
): OperatorFunction<RecordBatch, WriteSummary> {
  outputLocation('path', path)
  knownOptions(name, options, ['columns', 'storage'])
  storageSettings(options.storage)
  const columns = options.columns && columnList('columns', options.columns)
  const format = { name, extension: 'jsonl', lines: (batch: RecordBatch) => inPieces(lines(batch)) }
  return lineSink(format, { path, columns, storage: options.storage })
}

function* lines(batch: RecordBatch): Generator<string> {
  for (const row of jsonRows(batch)) yield `${row}\n`
}
