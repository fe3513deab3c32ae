import type { DataType, RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { columnsOf, select } from '../src/batch/batch.ts'
import { openFile } from '../src/bytes.ts'
import { ConnectorError, DataError } from '../src/errors.ts'
import { jsonOf } from '../src/batch/json-value.ts'
import { flowOf } from '../src/flow/flow.ts'
import { columnList, knownOptions, localPath } from '../src/options.ts'
import { type FileFormat, fileSink, type FileSinkState } from '../src/output/file-sink.ts'
import { selectedSchema } from '../src/batch/selected-schema.ts'
import { sink, type Writer, type WriteSummary } from '../src/flow/sink.ts'

/** Options of {@link toJsonl}. */
export interface ToJsonlOptions {
  /**
   * Columns to write, in this order.
   *
   * @default all but the heavy ones
   */
  readonly columns?: readonly string[]
}

const name = 'toJsonl'

const newline = Buffer.from('\n')

/** Characters that are written at once. */
const chunkLength = 1_048_576

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
  localPath('path', path)
  knownOptions(name, options, ['columns'])
  const columns = options.columns && columnList('columns', options.columns)

  return (source) => {
    const input = flowOf(source)
    const written =
      path === '-'
        ? { name, guarantee: 'at-least-once' as const, adds: true, open: () => toStdout(columns) }
        : fileSink(jsonlFormat(columns), { path, parts: !input.bounded })
    return sink<FileSinkState<number>>({
      ...written,
      schema: (schema) => selectedSchema(schema, columns, name),
      settings: { path, columns },
      ...(columns && { columns }),
    })(input)
  }
}

function jsonlFormat(columns: readonly string[] | undefined): FileFormat<number> {
  return {
    name,
    extension: 'jsonl',
    encode(file, from = 0) {
      const counted = { rows: from }
      return {
        get rows() {
          return counted.rows
        },
        async write(batch) {
          for (const text of lines(batch, columns)) await file.append(Buffer.from(text))
          counted.rows += batch.numRows
        },
        save: () => Promise.resolve(counted.rows),
        finish: () => Promise.resolve(),
        close: () => Promise.resolve(),
      }
    },
    async reopen(path) {
      const file = await openFile(path)
      const { signal } = new AbortController()
      try {
        const bytes = await file.size()
        const last = bytes > 0 ? await file.read(bytes - 1, 1, signal) : newline
        if (last[0] === newline[0]) return { bytes, state: 0, rows: 0 }
        throw new DataError(`Expected ${path} to end with a whole line`, { url: path })
      } finally {
        await file.close()
      }
    },
  }
}

function toStdout(columns: readonly string[] | undefined): Writer<never> {
  let rows = 0
  let bytes = 0
  return {
    async write(batch) {
      for (const text of lines(batch, columns)) {
        const chunk = Buffer.from(text)
        await print(chunk)
        bytes += chunk.length
      }
      rows += batch.numRows
    },
    finish: () => ({ summary: { sink: name, location: '-', rows, bytes, files: 0 } }),
    abort: () => undefined,
  }
}

/** Waits until the reader has taken what was written, which is the backpressure of a pipe. */
function print(chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(chunk, (cause) => {
      if (!cause) resolve()
      else {
        const message = `Expected to write to standard output, got ${cause.message}`
        reject(new ConnectorError(message, { url: '-', retryable: false }, { cause }))
      }
    })
  })
}

/** The rows as text, in pieces. */
function* lines(batch: RecordBatch, chosen: readonly string[] | undefined): Generator<string> {
  const columns = columnsOf(chosen ? select(batch, chosen) : batch).map(({ field, vector }) => ({
    key: field.name,
    vector,
    json: jsonOf(field.type as DataType),
  }))
  let text = ''
  for (let row = 0; row < batch.numRows; row++) {
    const object: Record<string, unknown> = {}
    for (const { key, vector, json } of columns) object[key] = json(vector.get(row))
    text += `${JSON.stringify(object)}\n`
    if (text.length < chunkLength) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}
