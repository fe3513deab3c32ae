import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import { batchOf } from '../../src/batch/batch.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { pageFile } from '../helpers/crafted-parquet.ts'
import {
  decimal,
  decimals,
  duckdb,
  plainBatch,
  plainColumns,
  plainOf,
  plainRows,
  readers,
  readWithMillrace,
  writers,
} from '../helpers/parquet-engines.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-interop-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the same rows', () => {
  it.each(writers)('written by $name are read', async ({ name, columns, write }) => {
    const path = join(folder, `${name.replaceAll(/\W+/g, '-')}.parquet`)
    await write(path)
    const expected = plainOf(plainRows as never, columns)
    expect(plainOf(await readWithMillrace(path), columns)).toEqual(expected)
  })

  for (const compression of ['zstd', 'snappy', 'gzip', 'none'] as const)
    it.each(readers.filter(({ codecs }) => (codecs as readonly string[]).includes(compression)))(
      `written with ${compression} are read by $name`,
      async ({ read, columns }) => {
        const path = join(folder, `ours-${compression}.parquet`)
        const dictionary = columns.length === plainColumns.length
        const rows = flowOf([plainBatch()])
        await lastValueFrom(rows.pipe(toParquet(path, { compression, dictionary, columns })))
        const expected = plainOf(plainRows as never, columns)
        expect(plainOf(await read(path), columns)).toEqual(expected)
      },
    )
})

/** What DuckDB writes of an expression, and what is read: type and value of the first row. */
const types: readonly (readonly [sql: string, type: string, value: unknown])[] = [
  ["'a'::enum('a', 'b')", 'Utf8', 'a'],
  ['(-128)::tinyint', 'Int8', -128],
  ['65535::usmallint', 'Uint16', 65_535],
  ['4294967295::uinteger', 'Uint32', 4_294_967_295],
  ['18446744073709551615::ubigint', 'Uint64', 18_446_744_073_709_551_615n],
  ['9007199254740993', 'Int64', 9_007_199_254_740_993n],
  ['1.5::float', 'Float32', 1.5],
  ['-99.99::decimal(4, 2)', 'Decimal[4e+2]', -9999n],
  ['-123456.789::decimal(9, 3)', 'Decimal[9e+3]', -123_456_789n],
  ['-123456789012345.678::decimal(18, 3)', 'Decimal[18e+3]', -123_456_789_012_345_678n],
  [
    '-12345678901234567890123456789012345.678::decimal(38, 3)',
    'Decimal[38e+3]',
    -12_345_678_901_234_567_890_123_456_789_012_345_678n,
  ],
  ["date '1969-12-31'", 'Date32<DAY>', -86_400_000],
  ["time '23:59:59.999999'", 'Time64<MICROSECOND>', 86_399_999_999n],
  ["timestamp_ms '2024-01-02 03:04:05.678'", 'Timestamp<MILLISECOND>', 1_704_164_645_678],
  ["timestamp '2024-01-02 03:04:05.678125'", 'Timestamp<MICROSECOND>', 1_704_164_645_678.125],
  ["timestamp_ns '1970-01-01 00:00:00.000000250'", 'Timestamp<NANOSECOND>', 0.000_25],
  ["timestamptz '2024-01-02 03:04:05+01'", 'Timestamp<MICROSECOND, UTC>', 1_704_161_045_000],
  [
    "uuid '00000000-0000-0000-0000-0000000000ff'",
    'FixedSizeBinary[16]',
    '[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,255]',
  ],
  ['[[1, null], [], null]', 'List<List<Int32>>', '[[1,null],[],null]'],
  ["map {'k': [1], 'l': null}", 'Map<{key:Utf8, value:List<Int32>}>', '{"k":[1],"l":null}'],
  [
    "{a: {b: [{c: 'x'}]}}",
    'Struct<{a:Struct<{b:List<Struct<{c:Utf8}>>}>}>',
    '{"a":{"b":[{"c":"x"}]}}',
  ],
]

describe('each type', () => {
  it('written by DuckDB is read, and a null of it', async () => {
    const path = join(folder, 'types.parquet')
    const columns = types.map(([sql], i) => `${sql} as c${String(i)}`)
    const nulls = types.map((_, i) => `null as c${String(i)}`)
    await duckdb(`copy (select ${columns.join()} union all select ${nulls.join()}) to '${path}'`)
    const [batch] = await lastValueFrom(fromParquet(path).pipe(toArray()))
    const read = types.map(([sql], i) => {
      const vector = batch?.getChild(`c${String(i)}`)
      const value = vector?.get(0) as unknown
      expect(vector?.get(1)).toBeNull()
      if (String(vector?.type).startsWith('Decimal'))
        return [sql, String(vector?.type), decimal(value as Uint32Array)]
      if (ArrayBuffer.isView(value))
        return [sql, String(vector?.type), `[${(value as Uint8Array).join()}]`]
      return [sql, String(vector?.type), typeof value === 'object' ? JSON.stringify(value) : value]
    })
    expect(read).toEqual(types)
  })

  it('of decimals of 256 bits is written and read', async () => {
    const value = -(10n ** 75n) - 7n
    const vector = decimals([value, null], { precision: 76, scale: 5, bits: 256 })
    const field = new Field('price', vector.type, true)
    const path = join(folder, 'decimal256.parquet')
    await lastValueFrom(flowOf([batchOf([{ field, vector }])]).pipe(toParquet(path)))
    const [row, none] = await readWithMillrace(path)
    expect(decimal(row?.['price'] as Uint32Array)).toBe(value)
    expect(none?.['price']).toBeNull()
  })

  it('includes the timestamps of old writers, in 96 bits', async () => {
    const body = Buffer.alloc(24)
    // Nanoseconds of the day, and the day by Julius Scaliger's count.
    body.writeBigInt64LE(1_000_000_250n, 0)
    body.writeInt32LE(2_440_588, 8)
    body.writeInt32LE(2_440_589, 20)
    const path = join(folder, 'int96.parquet')
    await writeFile(path, pageFile({ body, rawBytes: 24, values: 2, type: 3 }))
    const rows = await readWithMillrace(path)
    expect(rows.map((row) => row['v'])).toEqual([1000.000_25, 86_400_000])
  })
})

describe('what DuckDB sees of our files', () => {
  it('has statistics of each chunk: least, greatest and nulls', async () => {
    const path = join(folder, 'statistics.parquet')
    const rows = flowOf([plainBatch()])
    await lastValueFrom(rows.pipe(toParquet(path, { rowGroupRows: 2, columns: ['text', 'real'] })))
    const statistics = await duckdb(
      `select row_group_id::int as g, path_in_schema as name, stats_min_value as least, stats_max_value as most, stats_null_count::int as nulls, compression from parquet_metadata('${path}') order by all`,
    )
    expect(statistics.map((row) => Object.values(row))).toEqual([
      [0, 'real', '0.1', '0.1', 1, 'ZSTD'],
      [0, 'text', 'cat', 'cat', 1, 'ZSTD'],
      [1, 'real', '-1e+300', '0.0', 0, 'ZSTD'],
      [1, 'text', 'cat', 'naïve ☃', 0, 'ZSTD'],
    ])
  })

  it('are the folders of partitions', async () => {
    const path = join(folder, 'partitions')
    const rows = flowOf([plainBatch()])
    await lastValueFrom(rows.pipe(toParquet(path, { partitionBy: ['text', 'yes'] })))
    const read = await duckdb(
      `select big, text, yes::varchar as yes from read_parquet('${path}/**/*.parquet', hive_partitioning = true) order by big::bigint`,
    )
    expect(read).toEqual([
      { big: '-9223372036854775808', text: 'naïve ☃', yes: 'false' },
      { big: '-1', text: 'cat', yes: 'true' },
      { big: '9007199254740993', text: 'cat', yes: 'true' },
      { big: null, text: null, yes: null },
    ])
  })
})
