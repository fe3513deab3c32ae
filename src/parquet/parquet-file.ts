import type { RecordBatch, Schema } from 'apache-arrow'
import type { ByteSource } from '../storage/byte-source.ts'
import { DataError } from '../errors.ts'
import { editArrowSchema } from './arrow-schema.ts'
import { chunksOf, encodeFooter, footerOf } from './footer-edit.ts'
import {
  type Chunk,
  decodeFooter,
  type Footer,
  magic,
  type Projection,
  type RowGroup,
} from './footer.ts'
import { parquetLimits } from './limits.ts'
import type { ParquetThread } from './parquet-thread.ts'

/** Bytes read from the end at first; most footers fit. */
const tailBytes = 65_536

const { footerBytes } = parquetLimits

/** Length and magic, after the footer. */
const endBytes = 8

const arrowSchemaKey = 'ARROW:schema'

/** How the rows of a row group are decoded. */
export interface DecodeOptions {
  /** Most rows of a batch. */
  readonly batchRows: number
  /** Number of the first batch to read, from 0. */
  readonly first: number
  /** Where they are decoded. */
  readonly thread: ParquetThread
}

/** How the rows of a row group are read. */
export interface RowsOptions extends DecodeOptions {
  /** Columns to read. */
  readonly columns: Projection
  /** Aborts the reading. */
  readonly signal: AbortSignal
}

/**
 * A Parquet file, read by ranges: the footer when it is opened, then the chunks that are asked for.
 * What the library gets to see are small files made of them, of one row group each.
 */
export class ParquetFile {
  /** What the file says of itself. */
  readonly footer: Footer
  readonly #bytes: ByteSource
  /** Where the footer begins. */
  readonly dataEnd: number

  private constructor(bytes: ByteSource, footer: Footer, dataEnd: number) {
    this.#bytes = bytes
    this.footer = footer
    this.dataEnd = dataEnd
  }

  /**
   * Reads the footer.
   *
   * @throws {DataError} if there is none, or it is damaged
   */
  static async open(bytes: ByteSource, signal: AbortSignal): Promise<ParquetFile> {
    const size = await bytes.size(signal)
    if (size < magic.length + endBytes)
      throw notParquet(bytes.url, `${String(size)} bytes are too few`)
    const tail = await bytes.read(Math.max(0, size - tailBytes), Math.min(size, tailBytes), signal)
    const end = Buffer.from(tail.buffer, tail.byteOffset + tail.length - endBytes, endBytes)
    const mark = end.toString('latin1', 4)
    if (mark === 'PARE') throw notParquet(bytes.url, 'its footer is encrypted')
    if (mark !== 'PAR1') throw notParquet(bytes.url, 'it does not end in PAR1')
    const length = end.readUInt32LE(0)
    const start = size - endBytes - length
    if (length > footerBytes)
      throw notParquet(
        bytes.url,
        `a footer of ${String(length)} bytes is longer than the ${String(footerBytes)} that are read`,
      )
    if (start < magic.length)
      throw notParquet(bytes.url, `a footer of ${String(length)} bytes does not fit`)
    const stored =
      length + endBytes <= tail.length
        ? tail.subarray(tail.length - endBytes - length, tail.length - endBytes)
        : await bytes.read(start, length, signal)
    return new ParquetFile(
      bytes,
      parsed(bytes.url, () => decodeFooter(stored)),
      start,
    )
  }

  /** The Arrow schema of `columns`, as their rows will have it. Reads nothing more. */
  async schema(columns: Projection, thread: ParquetThread): Promise<Schema> {
    const file = this.#smallFile(columns)
    return thread.schema(file).catch((cause: unknown) => {
      throw notParquet(this.#bytes.url, String(cause), cause)
    })
  }

  /** Bytes of `columns` in a row group, decompressed. */
  rawBytes(rowGroup: RowGroup, columns: Projection): number {
    return chunksOf(rowGroup, columns).reduce((sum, chunk) => sum + chunk.rawBytes, 0)
  }

  /**
   * The rows of a row group, in batches. Reads the chunks of `columns` and nothing else.
   *
   * @throws {DataError} if they do not decode, or are not as many as the footer says
   */
  async *rows(
    rowGroup: RowGroup,
    { columns, signal, ...options }: RowsOptions,
  ): AsyncGenerator<RecordBatch> {
    yield* this.decode(await this.read(rowGroup, columns, signal), rowGroup, options)
  }

  /** The rows of `file`, which was made by {@link read} of `rowGroup`. */
  async *decode(
    file: Uint8Array,
    rowGroup: RowGroup,
    { batchRows, first, thread }: DecodeOptions,
  ): AsyncGenerator<RecordBatch> {
    const { url } = this.#bytes
    let numRows = first * batchRows
    try {
      for await (const batch of thread.read(file, batchRows, first)) {
        numRows += batch.numRows
        yield batch
      }
    } catch (cause) {
      throw notParquet(url, String(cause), cause)
    }
    if (numRows !== rowGroup.numRows)
      throw notParquet(
        url,
        `a row group has ${String(numRows)} rows, not ${String(rowGroup.numRows)}`,
      )
  }

  /** A file of `columns` of one row group. Reads their chunks and nothing else. */
  async read(rowGroup: RowGroup, columns: Projection, signal: AbortSignal): Promise<Uint8Array> {
    const chunks = chunksOf(rowGroup, columns)
    const file = this.#smallFile(columns, rowGroup)
    let at = magic.length
    for (const run of neighbours(chunks)) {
      if (run.start < magic.length || run.end > this.dataEnd)
        throw notParquet(
          this.#bytes.url,
          `column ${run.column} lies at ${String(run.start)} to ${String(run.end)}, the data end at ${String(this.dataEnd)}`,
        )
      file.set(await this.#bytes.read(run.start, run.end - run.start, signal), at)
      at += run.end - run.start
    }
    return file
  }

  /** Magic, room for the chunks, and a footer that fits them. */
  #smallFile(columns: Projection, rowGroup?: RowGroup): Uint8Array {
    return parsed(this.#bytes.url, () => {
      const metadata = new Map(this.footer.metadata)
      const schema = metadata.get(arrowSchemaKey)
      if (schema !== undefined) metadata.set(arrowSchemaKey, editArrowSchema(schema, columns))
      const footer = encodeFooter(footerOf(this.footer, columns, metadata, rowGroup))
      const chunks = rowGroup ? chunksOf(rowGroup, columns) : []
      const dataBytes = chunks.reduce((sum, { start, end }) => sum + end - start, 0)
      if (dataBytes > this.dataEnd)
        throw new RangeError('the column chunks are longer than the file')
      const file = new Uint8Array(magic.length + dataBytes + footer.length)
      file.set(magic)
      file.set(footer, magic.length + dataBytes)
      return file
    })
  }
}

/** Chunks that follow each other in the file are read at once. */
function neighbours(chunks: readonly Chunk[]): Chunk[] {
  const runs: Chunk[] = []
  for (const chunk of chunks) {
    const last = runs.at(-1)
    if (last?.end === chunk.start) runs[runs.length - 1] = { ...last, end: chunk.end }
    else runs.push(chunk)
  }
  return runs
}

function parsed<T>(url: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof RangeError) throw notParquet(url, cause.message, cause)
    throw cause
  }
}

function notParquet(url: string, why: string, cause?: unknown): DataError {
  return new DataError(`Expected ${url} to be Parquet: ${why}`, { url }, { cause })
}
