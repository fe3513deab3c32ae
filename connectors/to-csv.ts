import { DataType, type RecordBatch, type Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { columnsOf } from '../src/batch/batch.ts'
import { jsonOf } from '../src/batch/json-value.ts'
import type { WriteSummary } from '../src/flow/sink.ts'
import { columnList, knownOptions, oneOf, trueOrFalse } from '../src/options.ts'
import { inPieces, lineSink } from '../src/output/line-sink.ts'
import { outputLocation } from '../src/storage/location.ts'
import { type StorageOptions, storageSettings } from '../src/storage/storage-options.ts'

/** Options of {@link toCsv}. */
export interface ToCsvOptions {
  /**
   * Columns to write, in this order.
   *
   * @default all but the heavy ones
   */
  readonly columns?: readonly string[]
  /**
   * What stands between values.
   *
   * @default ','
   */
  readonly separator?: ',' | ';' | '\t'
  /**
   * Whether text that a spreadsheet would take for a formula (it starts with `=`, `+`, `-`, `@`, a tab or a
   * carriage return) gets an apostrophe in front, for files from people one does not trust.
   *
   * @default false
   */
  readonly escapeFormulas?: boolean
  /**
   * How buckets are reached.
   *
   * @default as the environment says
   */
  readonly storage?: StorageOptions
}

const name = 'toCsv'

/**
 * Writes rows as comma-separated values with a line of names first (RFC 4180, but lines end with `\n`), to the file
 * at `path` or, for `-`, to standard output; answers with a receipt.
 *
 * - Order, delivery, flows that do not end: as `toJsonl`.
 * - Columns: null is nothing between the separators, an empty text `""`; NaN and infinities `NaN`, `Infinity`,
 *   `-Infinity`; bytes base64; dates and timestamps ISO 8601 to the millisecond; lists, tensors, structs and maps JSON.
 * - Memory: the text of a batch, at most a mebibyte and a row.
 *
 * @throws {OptionError} at the call, for an option it does not know
 * @throws {ConnectorError} on the stream, if the output cannot be written
 * @throws {SchemaError} on the stream, if a column is missing, or no rows came and the flow's schema is not known
 * @example
 * await lastValueFrom(flow.pipe(toCsv('scores.csv'))) // => { sink: 'toCsv', rows: 314, … }
 */
export function toCsv(
  path: string,
  options: ToCsvOptions = {},
): OperatorFunction<RecordBatch, WriteSummary> {
  outputLocation('path', path)
  knownOptions(name, options, ['columns', 'separator', 'escapeFormulas', 'storage'])
  storageSettings(options.storage)
  const columns = options.columns && columnList('columns', options.columns)
  const separator = oneOf('separator', options.separator ?? ',', [',', ';', '\t'])
  const escapes = trueOrFalse('escapeFormulas', options.escapeFormulas ?? false)
  function text(value: string): string {
    return quoted(escapes ? escaped(value) : value, separator)
  }

  return lineSink(
    {
      name,
      extension: 'csv',
      settings: { separator, escapeFormulas: escapes },
      head: ({ fields }: Schema) => `${fields.map((f) => text(f.name)).join(separator)}\n`,
      lines: (batch) => inPieces(lines(batch, separator, text)),
    },
    { path, columns, storage: options.storage },
  )
}

function* lines(
  batch: RecordBatch,
  separator: string,
  text: (value: string) => string,
): Generator<string> {
  const columns = columnsOf(batch).map(({ field, vector }) => ({
    vector,
    cell: cellOf(field.type as DataType, text),
  }))
  for (let row = 0; row < batch.numRows; row++) {
    const cells = columns.map(({ vector, cell }) => cell(vector.get(row))).join(separator)
    // A null alone: readers pass over empty lines.
    yield cells === '' ? '""\n' : `${cells}\n`
  }
}

function cellOf(type: DataType, text: (value: string) => string): (value: unknown) => string {
  if (DataType.isFloat(type)) return (value) => (typeof value === 'number' ? value.toString() : '')
  const json = jsonOf(type)
  const number = DataType.isInt(type) || DataType.isDecimal(type)
  return (value) => {
    const plain = json(value)
    if (plain === null) return ''
    const written = typeof plain === 'string' ? plain : JSON.stringify(plain)
    return number || typeof plain === 'boolean' ? written : text(written)
  }
}

/** Quoted where it has to be: an empty text is told from null by its quotes. */
function quoted(value: string, separator: string): string {
  const plain = value !== '' && !/["\n\r]/.test(value) && !value.includes(separator)
  return plain ? value : `"${value.replaceAll('"', '""')}"`
}

/** See <https://owasp.org/www-community/attacks/CSV_Injection>. */
function escaped(value: string): string {
  return /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
}
