import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { DuckDBInstance } from '@duckdb/node-api'
import {
  Binary,
  Bool,
  DataType,
  Decimal,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  makeVector,
  RecordBatchStreamWriter,
  Struct,
  Table,
  TimestampMillisecond,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { initSync, Table as WasmTable, writeParquet } from 'parquet-wasm/esm'
import { lastValueFrom, toArray } from 'rxjs'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import { batchOf } from '../../src/batch/batch.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { readWithParquetJs, writeWithParquetJs } from './parquetjs.ts'

/** A row as all libraries can be made to say it. */
export interface PlainRow {
  readonly text: string | null
  /** An integer of 64 bits. */
  readonly big: string | null
  readonly real: number | null
  readonly yes: boolean | null
  /** Milliseconds since 1970. */
  readonly stamp: number | null
  /** In hex. */
  readonly bytes: string | null
  readonly tags: readonly (string | null)[] | null
  readonly point: { readonly x: number | null; readonly y: string | null } | null
  /** Ten digits, two of them behind the point. */
  readonly price: string | null
}

/** Columns of {@link PlainRow}. */
export type PlainColumn = keyof PlainRow

/** All of them. */
export const plainColumns: readonly PlainColumn[] = [
  ...(['text', 'big', 'real', 'yes', 'stamp', 'bytes', 'tags', 'point', 'price'] as const),
]

/** Rows with the edges of each type, and nulls. */
export const plainRows: readonly PlainRow[] = [
  {
    ...{ text: 'cat', big: '9007199254740993', real: 0.1, yes: true, stamp: 1_704_164_645_123 },
    ...{ bytes: '00ff', tags: ['a', null, ''], point: { x: 1, y: 'z' }, price: '12345678.90' },
  },
  {
    ...{ text: null, big: null, real: null, yes: null, stamp: null },
    ...{ bytes: null, tags: null, point: null, price: null },
  },
  {
    ...{ text: 'naïve ☃', big: '-9223372036854775808', real: -1e300, yes: false, stamp: -1 },
    ...{ bytes: '', tags: [], point: { x: null, y: null }, price: '-0.01' },
  },
  {
    ...{ text: 'cat', big: '-1', real: 0, yes: true, stamp: 0 },
    ...{ bytes: '01', tags: ['b'], point: { x: -2, y: '' }, price: '0.00' },
  },
]

/** A cell as {@link PlainRow} has it, from what a library gives. */
const plain: Readonly<Record<PlainColumn, (value: never) => unknown>> = {
  text: (value: string) => value,
  big: (value: bigint | string) => String(value),
  real: (value: number) => value,
  yes: (value: boolean) => value,
  stamp: (value: Date | number | string) => Number(value),
  bytes: (value: Uint8Array | string) =>
    typeof value === 'string' ? value.toLowerCase() : Buffer.from(value).toString('hex'),
  tags: (value: Iterable<string | null>) => [...value],
  point: ({ x, y }: { x: number | null; y: string | null }) => ({ x, y }),
  price: (value: Uint32Array | number | string) =>
    (typeof value === 'object' ? Number(decimal(value)) / 100 : Number(value)).toFixed(2),
}

/** The rows that a library gives, with `columns` alone. */
export function plainOf(
  rows: readonly Readonly<Record<string, unknown>>[],
  columns: readonly PlainColumn[],
): Partial<PlainRow>[] {
  return rows.map((row) =>
    Object.fromEntries(
      columns.map((name) => [name, row[name] == null ? null : plain[name](row[name] as never)]),
    ),
  )
}

/** The number in the words of a decimal, the lowest first. */
export function decimal(words: Uint32Array): bigint {
  const whole = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n)
  return BigInt.asIntN(32 * words.length, whole)
}

/** Words of a decimal. */
export function decimalWords(value: bigint, bits: number): Uint32Array {
  const word = (at: number) => Number(BigInt.asUintN(32, value >> BigInt(32 * at)))
  return Uint32Array.from({ length: bits / 32 }, (_, at) => word(at))
}

/** A vector of decimals. */
export function decimals(
  values: readonly (bigint | null)[],
  { precision, scale, bits }: { precision: number; scale: number; bits: number },
): Vector {
  const data = new Uint32Array((values.length * bits) / 32)
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8))
  for (const [row, value] of values.entries()) {
    if (value === null) continue
    data.set(decimalWords(value, bits), (row * bits) / 32)
    nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7))
  }
  const nullCount = values.filter((value) => value === null).length
  const type = new Decimal(scale, precision, bits)
  return makeVector(makeData({ type, length: values.length, nullCount, nullBitmap, data }))
}

function cents(price: string | null): bigint | null {
  return price === null ? null : BigInt(price.replace('.', ''))
}

/** The rows as an Arrow batch. */
export function plainBatch() {
  const rows = plainRows
  const columns: Record<PlainColumn, Vector> = {
    text: vectorFromArray(
      rows.map((r) => r.text),
      new Utf8(),
    ),
    big: vectorFromArray(
      rows.map((r) => (r.big === null ? null : BigInt(r.big))),
      new Int64(),
    ),
    real: vectorFromArray(
      rows.map((r) => r.real),
      new Float64(),
    ),
    yes: vectorFromArray(
      rows.map((r) => r.yes),
      new Bool(),
    ),
    stamp: vectorFromArray(
      rows.map((r) => r.stamp),
      new TimestampMillisecond(),
    ),
    bytes: vectorFromArray(
      rows.map((r) => (r.bytes === null ? null : Buffer.from(r.bytes, 'hex'))),
      new Binary(),
    ),
    tags: vectorFromArray(
      rows.map((r) => r.tags),
      new List(new Field('item', new Utf8(), true)),
    ),
    point: vectorFromArray(
      rows.map((r) => r.point),
      new Struct<Record<string, DataType>>([
        new Field('x', new Int32(), true),
        new Field('y', new Utf8(), true),
      ]),
    ),
    price: decimals(
      rows.map((r) => cents(r.price)),
      { precision: 10, scale: 2, bits: 128 },
    ),
  }
  return batchOf(
    plainColumns.map((name) => {
      const vector = columns[name]
      return { field: new Field(name, vector.type as DataType, true), vector }
    }),
  )
}

/** Runs SQL; returns the rows. */
export async function duckdb(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The rows as a query. */
const plainSql = `select * from (values ${plainRows.map(tuple).join()}) t(${plainColumns.join()})`

function tuple(row: PlainRow): string {
  const { text, big, real, yes, stamp, bytes, tags, point, price } = row
  const sql = (value: string | number | boolean | null) =>
    value === null ? 'null' : `'${String(value)}'`
  const cells = [
    sql(text),
    `${sql(big)}::bigint`,
    `${sql(real)}::double`,
    `${sql(yes)}::boolean`,
    `make_timestamp(${String(stamp === null ? 'null' : stamp * 1000)}::bigint)::timestamp_ms`,
    bytes === null ? 'null' : `from_hex('${bytes}')`,
    tags === null ? 'null::varchar[]' : `[${tags.map(sql).join()}]::varchar[]`,
    point === null
      ? 'null::struct(x int, y varchar)'
      : `{x: ${sql(point.x)}::int, y: ${sql(point.y)}::varchar}`,
    `${sql(price)}::decimal(10, 2)`,
  ]
  return `(${cells.join()})`
}

/** A library that writes the rows; `columns` are those that it can. */
export interface ParquetWriterEngine {
  readonly name: string
  readonly columns: readonly PlainColumn[]
  readonly write: (path: string) => Promise<unknown>
}

const copy = (path: string, options: string) =>
  duckdb(`copy (${plainSql}) to '${path}' (format parquet, ${options})`)

const flat = plainColumns.filter((name) => !['tags', 'point', 'price'].includes(name))
/** It has no integers beyond 2^53, and no times before 1970. */
const ofParquetJs = flat.filter((name) => !['big', 'stamp', 'bytes'].includes(name))

/** All that write: with dictionaries or without, pages of both versions, the codecs in use. */
export const writers: readonly ParquetWriterEngine[] = [
  ...['uncompressed', 'snappy', 'zstd', 'lz4_raw'].flatMap((codec) =>
    ['v1', 'v2'].map((version) => ({
      name: `DuckDB, ${codec}, pages of ${version}`,
      columns: plainColumns,
      write: (path: string) => copy(path, `compression ${codec}, parquet_version ${version}`),
    })),
  ),
  ...[false, true].map((useDataPageV2) => ({
    name: `parquetjs-lite, pages of v${useDataPageV2 ? '2' : '1'}`,
    columns: ofParquetJs,
    async write(path: string) {
      const types = { text: 'UTF8', real: 'DOUBLE', yes: 'BOOLEAN' }
      const fields = Object.fromEntries(
        Object.entries(types).map(([name, type]) => [name, { type, optional: true }]),
      )
      const rows = plainRows.map((row) =>
        Object.fromEntries(
          ofParquetJs.flatMap((name) => (row[name] === null ? [] : [[name, row[name]]])),
        ),
      )
      await writeWithParquetJs(path, fields, rows, 3, useDataPageV2)
    },
  })),
  {
    name: 'hyparquet-writer',
    columns: flat,
    write(path) {
      const types = { text: 'STRING', big: 'INT64', real: 'DOUBLE', yes: 'BOOLEAN' } as const
      const more = { stamp: 'TIMESTAMP', bytes: 'BYTE_ARRAY' } as const
      const columnData = Object.entries({ ...types, ...more }).map(([name, type]) => ({
        name,
        type,
        data: plainRows.map((row) => ofHyparquet(name as PlainColumn, row)),
      }))
      return writeFile(path, Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 3 })))
    },
  },
  {
    name: 'parquet-wasm',
    columns: plainColumns,
    write(path) {
      loadWasm()
      const ipc = RecordBatchStreamWriter.writeAll(new Table([plainBatch()])).toUint8Array(true)
      return writeFile(path, writeParquet(WasmTable.fromIPCStream(ipc)))
    },
  },
  {
    name: 'Millrace',
    columns: plainColumns,
    write: (path) => lastValueFrom(flowOf([plainBatch()]).pipe(toParquet(path))),
  },
]

function ofHyparquet(name: PlainColumn, row: PlainRow): unknown {
  if (row[name] === null) return null
  if (name === 'big') return BigInt(row.big ?? 0)
  if (name === 'stamp') return new Date(row.stamp ?? 0)
  return name === 'bytes' ? Buffer.from(row.bytes ?? '', 'hex') : row[name]
}

let loaded = false
function loadWasm(): void {
  if (loaded) return
  const file = createRequire(import.meta.url).resolve('parquet-wasm/esm/parquet_wasm_bg.wasm')
  initSync({ module: readFileSync(file) })
  loaded = true
}

/** The rows of a file by Millrace. */
export async function readWithMillrace(path: string): Promise<Record<string, unknown>[]> {
  const batches = await lastValueFrom(fromParquet(path).pipe(toArray()))
  return batches.flatMap((batch) =>
    Array.from({ length: batch.numRows }, (_, row) =>
      Object.fromEntries(
        batch.schema.fields.map(({ name }) => [name, batch.getChild(name)?.get(row) as unknown]),
      ),
    ),
  )
}

/** Other libraries that read, by name; `columns` are those that they can. */
export const readers = [
  {
    name: 'DuckDB',
    codecs: ['zstd', 'snappy', 'gzip', 'none'],
    columns: plainColumns,
    read: (path: string) =>
      duckdb(
        `select * replace (epoch_ms(stamp) as stamp, hex(bytes) as bytes) from read_parquet('${path}')`,
      ),
  },
  {
    name: 'hyparquet',
    codecs: ['zstd', 'snappy', 'gzip', 'none'],
    columns: plainColumns,
    read: async (path: string) => {
      const { buffer, byteOffset, length } = await readFile(path)
      const file = buffer.slice(byteOffset, byteOffset + length)
      return parquetReadObjects({ file, compressors, utf8: false })
    },
  },
  {
    name: 'parquetjs-lite',
    codecs: ['snappy', 'gzip', 'none'],
    columns: ofParquetJs,
    read: (path: string) => readWithParquetJs(path),
  },
] as const
