import type { RecordBatch } from 'apache-arrow'
import { DataError } from '../src/errors.ts'
import type { Flow } from '../src/flow/flow.ts'
import { inferredJsonType } from '../src/manifests/column-types.ts'
import { type JsonObject, jsonRecords } from '../src/manifests/json-records.ts'
import {
  headBytes,
  type TableHead,
  type TableOptions,
  tableSource,
} from '../src/manifests/table-source.ts'
import { startOfText } from '../src/manifests/text-lines.ts'
import { broken, type TextRecord } from '../src/manifests/text-record.ts'
import type { ByteSource } from '../src/storage/byte-source.ts'

/** Options of {@link fromJsonl}. */
export type FromJsonlOptions = TableOptions

/**
 * Reads rows of JSON, an object in each line, with the pictures that they point to if there is a column of paths or URLs.
 *
 * - Order, delivery, pictures, faults, memory: as `fromCsv`. A line that is no JSON object, has a key twice or one
 *   that no line of the first mebibyte nor `types` has is at fault (`FORMAT`).
 * - Columns: the keys in the order in which they first come. By the first mebibyte a column is Bool, Int64, Float64,
 *   a list of numbers or texts, or Utf8: what is nested otherwise is JSON text. `boxes` (lists of four numbers: x, y,
 *   width, height) are boxes. Embeddings are lists unless `types` says how long they are: `{ embedding: 'Float32[384]' }`.
 * - Integers are exact up to 64 bits; in text at any size.
 * - Nulls: null, and a key that is not there.
 *
 * @throws {OptionError} at the call, if an option is wrong
 * @throws {ConnectorError} on the stream, if the file cannot be read
 * @throws {DataError} on the stream, if it has no line of JSON, or a row is at fault and `onError` is 'fail'
 * @throws {SchemaError} on the stream, if a column that was named is missing
 * @see https://jsonlines.org
 * @example
 * fromJsonl('photos.jsonl', { types: { embedding: 'Float32[384]' } }).pipe(duplicates())
 */
export function fromJsonl(location: string, options: FromJsonlOptions = {}): Flow<RecordBatch> {
  return tableSource(location, options, {
    format: {
      name: 'fromJsonl',
      head: headOf,
      rows: (source, from, { names, signal }) => aligned(jsonRecords(source, from, signal), names),
    },
  })
}

async function headOf(
  source: ByteSource,
  declared: readonly string[],
  signal: AbortSignal,
): Promise<TableHead> {
  const { url } = source
  const start = await startOfText(source, signal)
  const objects: JsonObject[] = []
  let first: string | undefined
  for await (const { next, content } of jsonRecords(source, start, signal)) {
    if (next.offset > headBytes && objects.length > 0) break
    if ('value' in content) objects.push(content.value)
    else first ??= content.problem.message
    if (next.offset > headBytes) break
  }
  if (objects.length === 0)
    throw new DataError(
      `Expected lines of JSON in ${url}${first === undefined ? ', got empty ones' : `: ${first}`}`,
      { url },
    )
  const names = new Set([...objects.flatMap((object) => Object.keys(object)), ...declared])
  const columns = [...names].map((name) => {
    const values = objects.map((object) => valueOf(object, name))
    return [name, inferredJsonType(name, values)] as const
  })
  return { columns: new Map(columns), start }
}

/** The values of `names` in each record; one that has others is at fault. */
async function* aligned(
  records: AsyncIterable<TextRecord<JsonObject>>,
  names: readonly string[],
): AsyncGenerator<TextRecord<readonly unknown[]>> {
  const known = new Set(names)
  for await (const { content, ...record } of records) {
    if ('problem' in content) {
      yield { ...record, content }
      continue
    }
    const other = Object.keys(content.value).find((name) => !known.has(name))
    if (other === undefined)
      yield { ...record, content: { value: names.map((name) => valueOf(content.value, name)) } }
    else {
      const message = `Expected keys that are in the beginning of the file or in \`types\`, got \`${other}\``
      yield { ...record, content: broken(message) }
    }
  }
}

/** A key of `Object` that the line does not have is none. */
function valueOf(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}
