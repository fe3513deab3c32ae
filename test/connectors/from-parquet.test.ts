import { mkdtemp, open, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, take, toArray } from 'rxjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { fromParquet, type FromParquetOptions } from '../../connectors/from-parquet.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import {
  batchOf,
  float64Column,
  int32Column,
  int64Column,
  textColumn,
} from '../../src/batch/batch.ts'
import { Barrier, Control } from '../../src/flow/control.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { Run } from '../../src/run/run-state.ts'
import { heavy } from '../../src/batch/schema.ts'
import { plainValues } from '../helpers/every-type.ts'
import { writeWithParquetJs } from '../helpers/parquetjs.ts'
import { runFrom } from '../helpers/runs.ts'

let folder: string
const at = (name: string) => join(folder, name)

async function write(name: string, rows: RecordBatch, rowGroupRows = 100): Promise<void> {
  await lastValueFrom(
    flowOf([rows]).pipe(
      toParquet(at(name), { rowGroupRows, columns: rows.schema.fields.map((f) => f.name) }),
    ),
  )
}

function numbered(numRows: number, first = 0): RecordBatch {
  const numbers = Array.from({ length: numRows }, (_, i) => first + i)
  return batchOf([
    textColumn(
      'name',
      numbers.map((i) => `n${String(i)}`),
    ),
    int32Column('number', numbers),
    float64Column(
      'score',
      Float64Array.from(numbers, (i) => i / 3),
    ),
  ])
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'from-parquet-'))
  await write('numbers.parquet', numbered(1000))
  await write('more.parquet', numbered(5, 1000))
  await write('none.parquet', numbered(1).slice(0, 0))
})

async function read(
  location: string | string[],
  options?: FromParquetOptions,
): Promise<RecordBatch[]> {
  const paths = typeof location === 'string' ? at(location) : location.map(at)
  return lastValueFrom(fromParquet(paths, options).pipe(toArray()))
}

function values(batches: readonly RecordBatch[], name: string): unknown[] {
  return batches.flatMap((batch) => plainValues(batch.getChild(name) as never))
}

const names = (batch: RecordBatch | undefined) => batch?.schema.fields.map((f) => f.name)

describe('fromParquet', () => {
  it('emits the rows in order, in batches of a row group at most', async () => {
    const batches = await read('numbers.parquet', { batchRows: 64 })
    expect(batches.slice(0, 3).map((b) => b.numRows)).toEqual([64, 36, 64])
    expect(values(batches, 'number')).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(values(batches, 'score')).toEqual(Array.from({ length: 1000 }, (_, i) => i / 3))
  })

  it('cuts batches by bytes', async () => {
    const batches = await read('numbers.parquet', {
      columns: ['score'],
      idColumn: 'number',
      batchBytes: 640,
    })
    expect(Math.max(...batches.map((b) => b.numRows))).toBeLessThanOrEqual(64)
    expect(values(batches, 'score')).toHaveLength(1000)
  })

  it('knows its schema, which is that of the batches', async () => {
    for (const options of [{ columns: ['score', 'name'] }, { idColumn: 'name' }]) {
      const schema = await fromParquet(at('numbers.parquet'), options).schema()
      const [batch] = await read('numbers.parquet', options)
      expect(schema).toEqual(batch?.schema)
    }
    expect(String(await fromParquet(at('none.parquet')).schema())).toBe(
      'Schema<{ 0: id: Utf8, 1: name: Utf8, 2: number: Int32, 3: score: Float64 }>',
    )
    expect(await read('none.parquet')).toEqual([])
  })

  describe('gives every row an id', () => {
    beforeAll(async () => {
      await write(
        'with-id.parquet',
        batchOf([textColumn('id', ['x', 'y']), int64Column('key', [2n ** 60n, -1n])]),
      )
      await write('null-id.parquet', batchOf([textColumn('id', ['x', null])]))
      await write('float-id.parquet', batchOf([float64Column('id', Float64Array.of(1))]))
    })

    it.each<{
      name: string
      paths: string | string[]
      options?: FromParquetOptions
      ids: string[]
    }>([
      { name: 'as stored', paths: 'with-id.parquet', ids: ['x', 'y'] },
      {
        name: 'of another column',
        paths: 'with-id.parquet',
        options: { idColumn: 'key' },
        ids: ['1152921504606846976', '-1'],
      },
      {
        name: 'with the name of the source',
        paths: 'with-id.parquet',
        options: { sourceName: 's' },
        ids: ['s/x', 's/y'],
      },
      {
        name: 'of a column that is not read else',
        paths: 'with-id.parquet',
        options: { columns: ['id'], idColumn: 'key' },
        ids: ['1152921504606846976', '-1'],
      },
      {
        name: 'of file and row',
        paths: 'more.parquet',
        ids: [0, 1, 2, 3, 4].map((i) => `more.parquet#${String(i)}`),
      },
      {
        name: 'alone',
        paths: 'more.parquet',
        options: { columns: ['id'] },
        ids: [0, 1, 2, 3, 4].map((i) => `more.parquet#${String(i)}`),
      },
    ])('$name', async ({ paths, options, ids }) => {
      expect(values(await read(paths, options), 'id')).toEqual(ids)
    })

    it('and counts rows over row groups and batches', async () => {
      const ids = values(await read('numbers.parquet', { batchRows: 30 }), 'id')
      expect(ids).toEqual(Array.from({ length: 1000 }, (_, i) => `numbers.parquet#${String(i)}`))
    })

    it.each([
      ['null-id.parquet', {}, { code: 'DATA' }],
      ['float-id.parquet', {}, { code: 'SCHEMA', column: 'id' }],
      ['with-id.parquet', { idColumn: 'ids' }, { code: 'SCHEMA', column: 'ids' }],
    ])('or fails: %s %o', async (name, options, error) => {
      await expect(read(name, options)).rejects.toMatchObject(error)
    })
  })

  it('reads several files one after another, if they have the same columns', async () => {
    const batches = await read(['more.parquet', 'none.parquet', 'numbers.parquet'])
    expect(values(batches, 'number').slice(0, 8)).toEqual([1000, 1001, 1002, 1003, 1004, 0, 1, 2])
    expect(values(batches, 'id').slice(4, 6)).toEqual(['more.parquet#4', 'numbers.parquet#0'])
    await write('other.parquet', batchOf([textColumn('name', ['a']), int64Column('number', [1n])]))
    await expect(read(['more.parquet', 'other.parquet'])).rejects.toMatchObject({
      code: 'SCHEMA',
      column: 'number',
      message: expect.stringContaining('other.parquet') as string,
    })
  })

  it('reads the chosen columns, in the order chosen', async () => {
    expect(names((await read('numbers.parquet', { columns: ['score', 'name'] }))[0])).toEqual([
      'id',
      'score',
      'name',
    ])
    await expect(read('numbers.parquet', { columns: ['scores'] })).rejects.toMatchObject({
      code: 'SCHEMA',
      column: 'scores',
      message: expect.stringContaining('did you mean `score`?') as string,
    })
  })

  it('leaves out heavy columns that nobody wants', async () => {
    const image = textColumn('image', ['…'])
    await write(
      'heavy.parquet',
      batchOf([textColumn('id', ['a']), { ...image, field: heavy(image.field) }]),
    )
    for (const [columns, expected] of [
      [[], ['id']],
      [['image'], ['id', 'image']],
    ] as const) {
      const context = { signal: new AbortController().signal, columns: new Set(columns) }
      for await (const batch of fromParquet(at('heavy.parquet')).pull(context))
        expect(names(batch as RecordBatch)).toEqual(expected)
    }
  })

  it('goes on after a checkpoint, at the batch that comes next', async () => {
    const flow = () => fromParquet([at('more.parquet'), at('numbers.parquet')], { batchRows: 40 })
    const whole = await lastValueFrom(flow().pipe(toArray()))
    for (const stop of [1, 4, whole.length]) {
      const barrier = new Barrier(1)
      const { signal } = new AbortController()
      const first = new Run()
      let seen = 0
      for await (const value of flow().pull({ signal, run: first })) {
        if (value instanceof Control) break
        if (++seen === stop) first.request(barrier)
      }
      const run = runFrom(barrier.states)
      const rest: RecordBatch[] = []
      for await (const value of flow().pull({ signal, run })) rest.push(value as RecordBatch)
      expect(values(rest, 'id')).toEqual(values(whole.slice(stop), 'id'))
    }
  })

  it('stops when unsubscribed, and closes what it opened', async () => {
    const open = async () => (await import('node:fs')).readdirSync('/proc/self/fd').length
    const before = await open()
    expect((await lastValueFrom(fromParquet(at('numbers.parquet')).pipe(take(1)))).numRows).toBe(
      100,
    )
    await expect.poll(open, { timeout: 20_000 }).toBeLessThanOrEqual(before + 2)
  })

  it('refuses a row group that takes more than it may', async () => {
    await expect(read('numbers.parquet', { rowGroupBytes: 1000 })).rejects.toMatchObject({
      code: 'DATA',
      message: expect.stringContaining('choose fewer `columns`') as string,
    })
    expect(
      values(await read('numbers.parquet', { rowGroupBytes: 1000, columns: ['number'] }), 'number'),
    ).toHaveLength(1000)
  })

  it.each(['UNCOMPRESSED', 'GZIP', 'SNAPPY'])(
    'reads what parquetjs-lite writes, %s',
    async (compression) => {
      const fields = {
        name: { type: 'UTF8', compression },
        number: { type: 'INT64', optional: true, compression },
        score: { type: 'DOUBLE', compression },
        yes: { type: 'BOOLEAN', compression },
        tags: { type: 'UTF8', repeated: true, compression },
        when: { type: 'TIMESTAMP_MILLIS', compression },
      }
      const rows = Array.from({ length: 50 }, (_, i) => ({
        name: `n${String(i)}`,
        ...(i % 3 > 0 && { number: i }),
        score: i / 3,
        yes: i % 2 === 0,
        tags: ['a', 'b'].slice(i % 3),
        when: new Date(1000 * i),
      }))
      await writeWithParquetJs(at('js.parquet'), fields, rows, 20)
      const batches = await read('js.parquet')
      expect(values(batches, 'name')).toEqual(rows.map((r) => r.name))
      expect(values(batches, 'number')).toEqual(
        rows.map((r) => (r.number === undefined ? null : `${String(r.number)}n`)),
      )
      expect(values(batches, 'score')).toEqual(rows.map((r) => r.score))
      expect(values(batches, 'yes')).toEqual(rows.map((r) => r.yes))
      expect(values(batches, 'tags')).toEqual(rows.map((r) => r.tags))
      expect(values(batches, 'when')).toEqual(rows.map((r) => r.when.getTime()))
      expect(values(await read('js.parquet', { columns: ['tags'] }), 'tags')).toEqual(
        rows.map((r) => r.tags),
      )
    },
  )

  describe('fails', () => {
    beforeAll(async () => {
      const bytes = await readFile(at('numbers.parquet'))
      await writeFile(at('empty'), '')
      await writeFile(at('short'), 'PAR1')
      await writeFile(at('text'), 'not Parquet, but long enough to be looked at')
      await writeFile(at('cut'), bytes.subarray(0, -20))
      await writeFile(at('tail'), bytes.subarray(-200))
      await writeFile(at('encrypted'), Buffer.concat([bytes.subarray(0, -4), Buffer.from('PARE')]))
      const zeros = Buffer.from(bytes)
      zeros.fill(0, 4, 400)
      await writeFile(at('zeros'), zeros)
    })

    it.each([
      ['missing', { code: 'CONNECTOR', retryable: false }],
      ['empty', { code: 'DATA' }],
      ['short', { code: 'DATA' }],
      ['text', { code: 'DATA' }],
      ['cut', { code: 'DATA' }],
      ['tail', { code: 'DATA' }],
      ['encrypted', { code: 'DATA', message: expect.stringContaining('encrypted') as string }],
      ['zeros', { code: 'DATA', cause: expect.any(Error) as Error }],
    ])('on a file that is %s', async (name, error) => {
      await expect(read(name)).rejects.toMatchObject({ ...error, url: at(name) })
    })

    it('on a file that is cut while it is read', async () => {
      await writeFile(at('shrinking'), await readFile(at('numbers.parquet')))
      const rows = fromParquet(at('shrinking'), { batchRows: 10 })[Symbol.asyncIterator]()
      await rows.next()
      const file = await open(at('shrinking'), 'r+')
      await file.truncate(2000)
      await file.close()
      const rest = async () => {
        while (!(await rows.next()).done);
      }
      await expect(rest()).rejects.toMatchObject({ code: 'DATA', url: at('shrinking') })
    })
  })

  it.each<[string, string | string[], FromParquetOptions]>([
    ['Expected at least one path, got none', [], {}],
    ['Expected option `location` to be a non-empty string, got `` (string)', [''], {}],
    [
      'Expected option `batchRows` to be a positive integer, got `0` (number)',
      'x',
      { batchRows: 0 },
    ],
    [
      'Expected option `batchBytes` to be a positive integer, got `0` (number)',
      'x',
      { batchBytes: 0 },
    ],
    [
      'Expected option `rowGroupBytes` to be a positive integer, got `0.5` (number)',
      'x',
      { rowGroupBytes: 0.5 },
    ],
    [
      'Expected option `columns` to be a non-empty list of column names, got `` (list)',
      'x',
      { columns: [] },
    ],
    ['Expected option `idColumn` to be a non-empty string, got `` (string)', 'x', { idColumn: '' }],
    [
      'Expected option `sourceName` to be a non-empty string, got `` (string)',
      'x',
      { sourceName: '' },
    ],
    [
      'Expected fromParquet to be given only known options, got `column`; did you mean `columns`?',
      'x',
      { column: 'a' } as FromParquetOptions,
    ],
  ])('says: %s', (message, location, options) => {
    expect(() => fromParquet(location, options)).toThrow(
      expect.objectContaining({ code: 'OPTION', message }),
    )
  })
})
