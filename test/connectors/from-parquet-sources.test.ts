import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  DataType,
  Field,
  Int64,
  type RecordBatch,
  Schema,
  Struct,
  Binary,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromParquet, type FromParquetOptions } from '../../connectors/from-parquet.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import { batchOf, columnsOf, int32Column } from '../../src/batch/batch.ts'
import { isHeavy } from '../../src/batch/schema.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { duckdb } from '../helpers/parquet-engines.ts'

let folder: string
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'from-parquet-sources-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function write(name: string, rows: RecordBatch, rowGroupRows = 100): Promise<void> {
  await mkdir(dirname(at(name)), { recursive: true })
  const columns = rows.schema.fields.map((field) => field.name)
  await lastValueFrom(flowOf([rows]).pipe(toParquet(at(name), { columns, rowGroupRows })))
}

function numbers(...values: number[]): RecordBatch {
  return batchOf([int32Column('n', values)])
}

async function read(
  location: string | readonly string[],
  options?: FromParquetOptions,
): Promise<Record<string, unknown>[]> {
  const paths = typeof location === 'string' ? at(location) : location.map(at)
  const batches = await lastValueFrom(fromParquet(paths, options).pipe(toArray()))
  return batches.flatMap((batch) =>
    Array.from({ length: batch.numRows }, (_, row) =>
      Object.fromEntries(
        batch.schema.fields.map(({ name }) => [name, batch.getChild(name)?.get(row) as unknown]),
      ),
    ),
  )
}

describe('fromParquet of a folder or a glob', () => {
  beforeAll(async () => {
    await write('data/b/1.parquet', numbers(1))
    await write('data/a/2.PARQUET', numbers(2))
    await write('data/a/10.parquet', numbers(10))
    for (const aside of ['_temporary/x.parquet', '.hidden.parquet', '_metadata', 'a/notes.txt']) {
      await mkdir(dirname(at(`data/${aside}`)), { recursive: true })
      await writeFile(at(`data/${aside}`), 'not Parquet')
    }
  })

  it.each([
    ['data', ['a/10.parquet#0', 'a/2.PARQUET#0', 'b/1.parquet#0']],
    ['data/', ['a/10.parquet#0', 'a/2.PARQUET#0', 'b/1.parquet#0']],
    ['data/**/*.parquet', ['a/10.parquet#0', 'b/1.parquet#0']],
    ['data/?/*', undefined],
    [
      ['data/b', 'data/a/2.PARQUET'],
      ['b/1.parquet#0', 'a/2.PARQUET#0'],
    ],
  ])('reads %j, in the order of the names', async (location, ids) => {
    if (ids) expect((await read(location)).map((row) => row['id'])).toEqual(ids)
    else
      await expect(read(location)).rejects.toMatchObject({
        code: 'DATA',
        url: at('data/a/notes.txt'),
      })
  })

  it('refuses a folder without files, and a file that comes twice', async () => {
    await mkdir(at('empty'))
    await expect(read('empty')).rejects.toMatchObject({
      code: 'CONNECTOR',
      url: at('empty'),
      message: `Expected Parquet files in \`${at('empty')}\`, got none`,
    })
    await expect(read(['data', 'data/b/1.parquet'])).rejects.toMatchObject({ code: 'OPTION' })
  })

  it('reads the folders of DuckDB as columns, and says which of them lacks one', async () => {
    const rows = `(values (1, 'a b', 'x'), (2, null, 'y'), (3, 'ü/é', 'x')) t(n, label, part)`
    await duckdb(
      `copy (select * from ${rows}) to '${at('hive')}' (format parquet, partition_by (label, part))`,
    )
    const all = await read('hive', { idColumn: 'n' })
    expect(all.sort((a, b) => Number(a['n']) - Number(b['n']))).toEqual([
      { id: '1', n: 1, label: 'a b', part: 'x' },
      { id: '2', n: 2, label: null, part: 'y' },
      { id: '3', n: 3, label: 'ü/é', part: 'x' },
    ])
    expect((await read('hive', { columns: ['part'], idColumn: 'n' }))[0]).toHaveProperty('part')
    await write('hive/label=z/other.parquet', numbers(4))
    await expect(read('hive')).rejects.toMatchObject({
      code: 'SCHEMA',
      column: 'part',
      message: expect.stringContaining('label=z/other.parquet') as string,
    })
  })
})

describe('fromParquet with several threads', () => {
  beforeAll(async () => {
    for (const [file, first] of [
      ['p/1.parquet', 0],
      ['p/2.parquet', 50],
      ['p/3.parquet', 60],
    ] as const)
      await write(
        file,
        numbers(...Array.from({ length: file.includes('1') ? 50 : 10 }, (_, i) => first + i)),
        7,
      )
  })
  const numbersOf = async (options: FromParquetOptions) =>
    (await read('p', options)).map((row) => row['n'])

  it.each([
    [{ threads: 1 }],
    [{ threads: 3 }],
    [{ threads: 2, batchRows: 2 }],
    // A row group takes more than its share of this window.
    [{ threads: 2, rowGroupBytes: 60 }],
  ])('keeps the order: %j', async (options) => {
    expect(await numbersOf(options)).toEqual([...Array(70).keys()])
  })

  it('reads shares that are together the whole, with the ids of the whole', async () => {
    const whole = await read('p')
    for (const of of [4, 10]) {
      const shares = []
      for (let index = 0; index < of; index++)
        shares.push(await read('p', { share: { index, of }, threads: 1 }))
      expect(shares.flat()).toEqual(whole)
      if (of === 4) expect(Math.max(...shares.map((rows) => rows.length))).toBeLessThan(30)
    }
    const { count } = fromParquet(at('p'), { share: { index: 1, of: 4 } }).info
    const [share] = [await read('p', { share: { index: 1, of: 4 } })]
    expect(await count?.(new AbortController().signal)).toBe(share.length)
  })

  it('fails with the file and row group whose time it is, after the rows before', async () => {
    await write('q/1.parquet', numbers(1, 2, 3), 1)
    await mkdir(at('q'), { recursive: true })
    await writeFile(at('q/2.parquet'), 'not Parquet at all')
    const seen: number[] = []
    const reading = async () => {
      for await (const batch of fromParquet(at('q'))) seen.push(batch.numRows)
    }
    await expect(reading()).rejects.toMatchObject({ code: 'DATA', url: at('q/2.parquet') })
    expect(seen).toEqual([1, 1, 1])
  })
})

describe('fromParquet of Hugging Face datasets', () => {
  const bytes = (...values: number[]) => Uint8Array.from(values)
  const picture = new Struct<Record<string, DataType>>([
    new Field('bytes', new Binary(), true),
    new Field('path', new Utf8(), true),
  ])

  function dataset(metadata: object | string): RecordBatch {
    const pictures = [
      { bytes: bytes(1, 2), path: 'a.png' },
      { bytes: null, path: 'b.png' },
      null,
      { bytes: bytes(3), path: null },
    ]
    const image = vectorFromArray(pictures, picture)
    const label = vectorFromArray([1n, 0n, -1n, null], new Int64())
    const rows = batchOf([
      { field: new Field('image', picture, true), vector: image },
      { field: new Field('label', new Int64(), true), vector: label },
    ])
    const json = typeof metadata === 'string' ? metadata : JSON.stringify(metadata)
    const schema = new Schema(rows.schema.fields, new Map([['huggingface', json]]))
    return batchOf(columnsOf(rows), schema)
  }

  const features = {
    image: { _type: 'Image' },
    label: { names: ['cat', 'dog'], _type: 'ClassLabel' },
  }
  beforeAll(() => write('hf.parquet', dataset({ info: { features } })))

  it('gives the pictures, their paths and the names of the labels', async () => {
    expect(await read('hf.parquet')).toEqual([
      { id: 'hf.parquet#0', image: bytes(1, 2), uri: 'a.png', label: 'dog' },
      { id: 'hf.parquet#1', image: null, uri: 'b.png', label: 'cat' },
      { id: 'hf.parquet#2', image: null, uri: null, label: null },
      { id: 'hf.parquet#3', image: bytes(3), uri: null, label: null },
    ])
    const schema = await fromParquet(at('hf.parquet')).schema()
    expect(String(schema)).toBe(
      'Schema<{ 0: id: Utf8, 1: image: Binary, 2: uri: Utf8, 3: label: Utf8 }>',
    )
    expect(schema?.fields.map(isHeavy)).toEqual([false, true, false, false])
    expect(schema?.metadata.has('huggingface')).toBe(false)
  })

  it('gives any of these alone, and the pictures only to who wants them', async () => {
    for (const columns of [['label'], ['uri'], ['image']])
      expect(Object.keys((await read('hf.parquet', { columns }))[0] ?? {})).toEqual([
        'id',
        ...columns,
      ])
    const context = { signal: new AbortController().signal, columns: new Set<string>() }
    for await (const batch of fromParquet(at('hf.parquet')).pull(context)) {
      expect((batch as RecordBatch).schema.names).toEqual(['id', 'uri', 'label'])
      expect((batch as RecordBatch).getChild('uri')?.get(1)).toBe('b.png')
    }
  })

  it.each([
    ['as stored, if that is asked for', { info: { features } }, { conventions: 'none' } as const],
    ['the sound of a dataset', { info: { features: { image: { _type: 'Audio' } } } }, {}],
    ['numbers that have no names', '{"info": 1}', {}],
    ['numbers, if the metadata are not JSON', 'no JSON', {}],
  ])('leaves %s', async (_, metadata, options) => {
    await write('left.parquet', dataset(metadata))
    const [row] = await read('left.parquet', options)
    expect(row?.['label']).toBe(1n)
    if (typeof metadata === 'object') expect(String(row?.['image'])).toContain('"path": "a.png"')
    else expect(row?.['image']).toEqual(bytes(1, 2))
  })

  it('refuses a label that has no name', async () => {
    const names = { names: ['cat'], _type: 'ClassLabel' }
    await write('few.parquet', dataset({ info: { features: { label: names } } }))
    await expect(read('few.parquet')).rejects.toMatchObject({
      code: 'DATA',
      message: `Expected class label \`label\` of ${at('few.parquet')} to be from -1 to 0, got 1; read the numbers with conventions: 'none'`,
    })
  })
})

it.each<[string, FromParquetOptions]>([
  ['Expected option `threads` to be a positive integer, got `0` (number)', { threads: 0 }],
  [
    'Expected option `share.index` to be less than `share.of`, got 2 of 2',
    { share: { index: 2, of: 2 } },
  ],
  [
    "Expected option `conventions` to be one of 'huggingface', 'none', got `hf` (string)",
    { conventions: 'hf' as 'none' },
  ],
])('fromParquet says: %s', (message, options) => {
  expect(() => fromParquet('x', options)).toThrow(
    expect.objectContaining({ code: 'OPTION', message }),
  )
})
