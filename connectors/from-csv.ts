import type { RecordBatch } from 'apache-arrow'
import { DataError } from '../src/errors.ts'
import type { Flow } from '../src/flow/flow.ts'
import { inferredType } from '../src/manifests/column-types.ts'
import { type CsvFields, csvRecords } from '../src/manifests/csv-records.ts'
import { indexOf } from '../src/manifests/table-columns.ts'
import {
  headBytes,
  type TableHead,
  type TableOptions,
  tableSource,
} from '../src/manifests/table-source.ts'
import { startOfText } from '../src/manifests/text-lines.ts'
import { broken, type TextRecord } from '../src/manifests/text-record.ts'
import { oneOf, trueOrFalse } from '../src/options.ts'
import type { ByteSource } from '../src/storage/byte-source.ts'

/** Options of {@link fromCsv}. */
export interface FromCsvOptions extends TableOptions {
  /**
   * What stands between values.
   *
   * @default ',', in files whose name ends with `.tsv` a tab
   */
  readonly separator?: ',' | ';' | '\t' | '|'
  /**
   * Whether the first record names the columns; without it they are `column1`, `column2` …
   *
   * @default true
   */
  readonly header?: boolean
}

/**
 * Reads rows of comma-separated values (RFC 4180, or lines that end with LF), with the pictures that they point to
 * if there is a column of paths or URLs.
 *
 * - Order: as they stand. Delivery: every row once; a resumed run goes on at the record it had come to.
 * - Columns: with pictures `id`, `uri`, `label`, `split`, `image` (Binary, heavy), `bytes` (Int32), without `id` alone;
 *   then the others of the file, as Int64, Float64, Bool or Utf8 by the first mebibyte, or as `types` says.
 * - Nulls: nothing between separators is null, `""` an empty text. A column without a name is `column1`, by its place.
 * - Text is UTF-8, with or without a mark. Empty lines are passed over. Quotes within a field that does not begin with
 *   one are taken as they stand.
 * - Faults (`onError`): `FORMAT` (too few or many fields, quotes that do not close, not UTF-8), `CAST` (a value that
 *   does not fit its column), `TOO_LARGE` (a record above 16 MiB, a picture above 1 GiB), `MISSING` (no path or id, no such picture), `OUTSIDE`
 *   (a path that leads out of the root), `UNREADABLE`. A picture of another host is at fault for whatever reason it
 *   does not come; if the storage of the list fails, so does the stream.
 * - Memory: 4 times `batchBytes`, as `fromFiles`, and the first mebibyte.
 *
 * @throws {OptionError} at the call, if an option is wrong
 * @throws {ConnectorError} on the stream, if the file cannot be read
 * @throws {DataError} on the stream, if it is empty or no text, has a column twice, or a row is at fault and `onError` is 'fail'
 * @throws {SchemaError} on the stream, if a column that was named is missing
 * @see https://www.rfc-editor.org/rfc/rfc4180
 * @example
 * fromCsv('photos.csv', { labelColumn: 'breed', types: { zip: 'Utf8' } }).pipe(decode())
 */
export function fromCsv(location: string, options: FromCsvOptions = {}): Flow<RecordBatch> {
  const { header = true } = options
  trueOrFalse('header', header)
  const usual = /\.tsv$/i.test(location) ? '\t' : ','
  const separator = oneOf('separator', options.separator ?? usual, [',', ';', '\t', '|'])
  return tableSource(location, options, {
    more: ['separator', 'header'],
    format: {
      name: 'fromCsv',
      head: (source, declared, signal) => headOf(source, { separator, header, declared, signal }),
      rows: (source, from, { names, signal }) =>
        whole(csvRecords(source, from, { separator, signal }), names.length),
    },
  })
}

interface HeadReading {
  readonly separator: string
  readonly header: boolean
  readonly declared: readonly string[]
  readonly signal: AbortSignal
}

async function headOf(source: ByteSource, reading: HeadReading): Promise<TableHead> {
  const { url } = source
  const { separator, header, declared, signal } = reading
  let start = await startOfText(source, signal)
  let names: readonly string[] | undefined
  const values: CsvFields[] = []
  for await (const { next, content } of csvRecords(source, start, { separator, signal })) {
    if (next.offset > headBytes && names) break
    if (names) {
      if ('value' in content) values.push(content.value)
      continue
    }
    if ('problem' in content)
      throw new DataError(`${content.problem.message}, in the first record of ${url}`, { url })
    names = content.value.map((name, at) => (header && name) || `column${String(at + 1)}`)
    if (header) start = { ...next, row: 0 }
    else values.push(content.value)
  }
  if (!names) throw new DataError(`Expected names of columns in ${url}, got empty lines`, { url })
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined)
    throw new DataError(`Expected each column of ${url} once, got \`${twice}\` twice`, { url })
  for (const name of declared) indexOf(name, { names, url })
  const whole = values.filter(({ length }) => length === names.length)
  const columns = names.map(
    (name, at) => [name, inferredType(whole.map((fields) => fields[at]))] as const,
  )
  return { columns: new Map(columns), start }
}

/** The records; one with another number of fields is at fault. */
async function* whole(
  records: AsyncIterable<TextRecord<CsvFields>>,
  length: number,
): AsyncGenerator<TextRecord<CsvFields>> {
  for await (const record of records) {
    const { content } = record
    const got = 'value' in content ? content.value.length : length
    if (got === length) yield record
    else {
      const message = `Expected ${String(length)} fields, got ${String(got)}`
      yield { ...record, content: broken(message) }
    }
  }
}
