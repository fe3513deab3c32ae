import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { select } from '../batch/batch.ts'
import { selectedSchema } from '../batch/selected-schema.ts'
import { openBytes } from '../storage/open-bytes.ts'
import type { StorageOptions } from '../storage/storage-options.ts'
import { DataError } from '../errors.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { sink, type Writer, type WriteSummary } from '../flow/sink.ts'
import type { FileFormat } from './file-format.ts'
import { fileSink, type FileSinkState } from './file-sink.ts'
import { print } from './print.ts'
import { schemaWithoutRows } from './schema-without-rows.ts'

/** A format of text, a line or more for each row. */
export interface LineFormat {
  /** Name of the sink. */
  readonly name: string
  /** Ends the names of parts, without dot. */
  readonly extension: string
  /** What decides the text, for the plan. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** The text before the first row, with its newline. */
  readonly head?: (schema: Schema) => string
  /** The rows of a batch as text, in pieces; each row ends with a newline. */
  readonly lines: (batch: RecordBatch) => Iterable<string>
}

/** Where the lines go. */
export interface LineTarget {
  /** A file, a folder of parts, or `-` for standard output. */
  readonly path: string
  /** Columns to write, in this order; all but the heavy ones by default. */
  readonly columns?: readonly string[] | undefined
  /** How buckets are reached. */
  readonly storage?: StorageOptions | undefined
}

/** What a checkpoint keeps of a file of lines. */
interface LineState {
  /** Rows in it. */
  readonly rows: number
  /** Whether it has its head. */
  readonly begun: boolean
}

const newline = Buffer.from('\n')

/** Characters that are written at once. */
const chunkLength = 1_048_576

/** Makes the sink of a format of lines: exactly once to files, at least once to standard output. */
export function lineSink(
  format: LineFormat,
  { path, columns, storage }: LineTarget,
): OperatorFunction<RecordBatch, WriteSummary> {
  return (source) => {
    const input = flowOf(source)
    const text = new LineText(format, columns, input)
    const { name } = format
    const written =
      path === '-'
        ? {
            name,
            guarantee: 'at-least-once' as const,
            adds: true,
            open: () => toStdout(name, text),
          }
        : fileSink(fileFormat({ ...format, storage }, text), {
            path,
            parts: !input.bounded,
            storage,
          })
    return sink<FileSinkState<LineState>>({
      ...written,
      schema: (schema) => selectedSchema(schema, columns, name),
      settings: { path, columns, ...format.settings, storage },
      ...(columns && { columns }),
    })(input)
  }
}

/** Joins `lines` to pieces that are worth a write. */
export function* inPieces(lines: Iterable<string>): Generator<string> {
  let text = ''
  for (const line of lines) {
    text += line
    if (text.length < chunkLength) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}

/** What a flow is written as. */
class LineText {
  readonly #format: LineFormat
  readonly #columns: readonly string[] | undefined
  readonly #input: Flow<RecordBatch>

  constructor(
    format: LineFormat,
    columns: readonly string[] | undefined,
    input: Flow<RecordBatch>,
  ) {
    this.#format = format
    this.#columns = columns
    this.#input = input
  }

  /** The text of a batch, with the head before it unless the file has one. */
  *of(batch: RecordBatch, begun: boolean): Generator<Buffer> {
    const chosen = this.#columns ? select(batch, this.#columns) : batch
    if (!begun) yield* this.#head(chosen.schema)
    for (const text of this.#format.lines(chosen)) yield Buffer.from(text)
  }

  /** The text of a flow without rows. */
  async *ofNone(): AsyncGenerator<Buffer> {
    if (!this.#format.head) return
    const schema = await schemaWithoutRows(this.#input)
    yield* this.#head(selectedSchema(schema, this.#columns, this.#format.name))
  }

  *#head(schema: Schema): Generator<Buffer> {
    const { head } = this.#format
    if (head) yield Buffer.from(head(schema))
  }
}

function fileFormat(
  { name, extension, head, storage }: LineFormat & Pick<LineTarget, 'storage'>,
  text: LineText,
): FileFormat<LineState> {
  return {
    name,
    extension,
    encode(file, from = { rows: 0, begun: false }) {
      let { rows, begun } = from
      return {
        get rows() {
          return rows
        },
        async write(batch) {
          for (const piece of text.of(batch, begun)) await file.append(piece)
          begun = true
          rows += batch.numRows
        },
        save: () => Promise.resolve({ rows, begun }),
        async finish() {
          if (begun) return
          for await (const piece of text.ofNone()) await file.append(piece)
        },
        close: () => Promise.resolve(),
      }
    },
    async reopen(path) {
      const file = await openBytes(path, storage)
      const { signal } = new AbortController()
      try {
        const bytes = await file.size(signal)
        const last = bytes > 0 ? await file.read(bytes - 1, 1, signal) : newline
        if (last[0] === newline[0])
          return { bytes, state: { rows: 0, begun: bytes > 0 || !head }, rows: 0 }
        throw new DataError(`Expected ${path} to end with a whole line`, { url: path })
      } finally {
        await file.close()
      }
    },
  }
}

function toStdout(name: string, text: LineText): Writer<never> {
  let rows = 0
  let bytes = 0
  let begun = false
  async function put(chunk: Uint8Array): Promise<void> {
    await print(chunk)
    bytes += chunk.length
  }
  return {
    async write(batch) {
      for (const piece of text.of(batch, begun)) await put(piece)
      begun = true
      rows += batch.numRows
    },
    async finish() {
      if (!begun) for await (const piece of text.ofNone()) await put(piece)
      return { summary: { sink: name, location: '-', rows, bytes, files: 0 } }
    },
    abort: () => undefined,
  }
}
