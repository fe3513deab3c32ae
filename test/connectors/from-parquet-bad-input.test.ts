import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastValueFrom, reduce } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromParquet, type FromParquetOptions } from '../../connectors/from-parquet.ts'
import { element, fileOf, pageFile, struct } from '../helpers/crafted-parquet.ts'
import { i64, list } from '../../src/parquet/thrift.ts'
import { duckdb } from '../helpers/parquet-engines.ts'

let folder: string
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'from-parquet-bad-input-'))
})
afterAll(() => rm(folder, { recursive: true }))

const rowsIn = (name: string, options?: FromParquetOptions) =>
  lastValueFrom(
    fromParquet(at(name), options).pipe(reduce((rows, batch) => rows + batch.numRows, 0)),
  )

describe('fromParquet of bad input', () => {
  it('refuses a file that is cut, wherever', async () => {
    await duckdb(`copy (select range as n from range(3000)) to '${at('whole.parquet')}'`)
    const bytes = await readFile(at('whole.parquet'))
    const places = [0, 1, 4, 11, 12, 100, bytes.length >> 1, -400, -100, -9, -8, -5, -4, -1]
    for (const place of places) {
      await writeFile(at('cut.parquet'), bytes.subarray(0, place))
      await expect(rowsIn('cut.parquet')).rejects.toMatchObject({
        code: 'DATA',
        url: at('cut.parquet'),
      })
    }
    expect(await rowsIn('whole.parquet')).toBe(3000)
  })

  it.each([
    {
      name: 'a row group that claims 4 GiB, and says what to do',
      bytes: () => pageFile({ body: new Uint8Array(8), rawBytes: 8, values: 2 ** 30 }),
      message:
        "to take at most 536870912 bytes, got 4294967296; choose fewer `columns`, or raise `rowGroupBytes` or the run's memory",
    },
    {
      name: 'more rows in a row group than it has',
      bytes: () => pageFile({ body: new Uint8Array(400), rawBytes: 400, values: 101 }),
      message: 'to be Parquet',
    },
    {
      name: 'a row group without its columns',
      bytes() {
        const group = struct({ 1: list([]), 2: i64(0), 3: i64(2 ** 50) })
        const schema = [element('schema', 1), element('v')]
        return fileOf(new Uint8Array(8), { schema, groups: [group], rows: 2 ** 50 })
      },
      message: 'Expected 1 column chunks, got 0',
    },
    {
      name: 'a negative number of rows',
      bytes: () =>
        fileOf(new Uint8Array(8), { schema: [element('schema', 1), element('v')], rows: -1 }),
      message: 'a whole number',
    },
    {
      name: 'a schema with a negative number of columns',
      bytes: () =>
        fileOf(new Uint8Array(8), {
          schema: [element('schema', -5)],
        }),
      message: 'a whole number',
    },
  ])('refuses $name', async ({ bytes, message }) => {
    await writeFile(at('crafted.parquet'), bytes())
    await expect(rowsIn('crafted.parquet')).rejects.toMatchObject({
      code: 'DATA',
      url: at('crafted.parquet'),
      message: expect.stringContaining(message) as string,
    })
  })

  it('names file and column where schemas differ', async () => {
    await duckdb(`copy (select 1 as a, 'x' as b) to '${at('mixed-1.parquet')}' (format parquet)`)
    await duckdb(`copy (select 1 as a, 2 as b) to '${at('mixed-2.parquet')}' (format parquet)`)
    await expect(rowsIn('mixed-*.parquet')).rejects.toMatchObject({
      code: 'SCHEMA',
      column: 'b',
      message: `Expected the inputs of fromParquet at ${at('mixed-2.parquet')} to have the same columns, got b: Utf8 and b: Int32`,
    })
  })

  it('reads 10,000 columns, or one of them, in reasonable time', async () => {
    const columns = Array.from({ length: 10_000 }, (_, i) => `${String(i)} as c${String(i)}`)
    await duckdb(`copy (select ${columns.join()}) to '${at('wide.parquet')}' (format parquet)`)
    const start = process.cpuUsage()
    expect(await rowsIn('wide.parquet')).toBe(1)
    expect(await rowsIn('wide.parquet', { columns: ['c9999'] })).toBe(1)
    const { user, system } = process.cpuUsage(start)
    // Seconds of all processors; about 2 on a machine of 2026.
    expect((user + system) / 1e6).toBeLessThan(20)
  })
})
