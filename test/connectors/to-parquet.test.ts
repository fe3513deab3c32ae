import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Field,
  Int32,
  makeData,
  makeVector,
  type RecordBatch,
  Schema,
  TimestampNanosecond,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import { from, lastValueFrom, map, toArray } from 'rxjs'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toParquet, type ToParquetOptions } from '../../connectors/to-parquet.ts'
import {
  batchOf,
  columnsOf,
  concat,
  emptyBatch,
  float64Column,
  int32Column,
  textColumn,
} from '../../src/batch/batch.ts'
import { Barrier, Control } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { heavy } from '../../src/batch/schema.ts'
import type { WriteSummary } from '../../src/flow/sink.ts'
import { tensorColumn } from '../../src/batch/tensor.ts'
import { everyType, plainValues } from '../helpers/every-type.ts'
import { readWithParquetJs } from '../helpers/parquetjs.ts'
import { pulled, runFrom } from '../helpers/runs.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'to-parquet-'))
})

const at = (name: string) => join(folder, name)

async function write(batches: readonly RecordBatch[], options?: ToParquetOptions) {
  const path = at('written.parquet')
  const summary = await lastValueFrom(flowOf(batches).pipe(toParquet(path, options)))
  return { path, summary, bytes: await readFile(path) }
}

async function readBack(path: string): Promise<RecordBatch> {
  return concat(await lastValueFrom(fromParquet(path).pipe(toArray())))
}

/** `batch` in batches of `size` rows. */
function cut(batch: RecordBatch, size: number): RecordBatch[] {
  const out: RecordBatch[] = []
  for (let i = 0; i < batch.numRows; i += size) out.push(batch.slice(i, i + size))
  return out
}

/** Rows of different sizes, with a dictionary that grows. */
function rowsOf(numRows: number): RecordBatch {
  const numbers = Array.from({ length: numRows }, (_, i) => i)
  return batchOf([
    textColumn(
      'id',
      numbers.map((i) => `row-${String(i)}`),
    ),
    textColumn(
      'text',
      numbers.map((i) => (i % 7 === 0 ? null : 'x'.repeat(i % 50))),
    ),
    int32Column(
      'number',
      numbers.map((i) => (i % 5 === 0 ? null : i)),
    ),
    float64Column(
      'score',
      Float64Array.from(numbers, (i) => Math.sin(i)),
    ),
    tensorColumn(
      'embedding',
      [3],
      Float32Array.from({ length: 3 * numRows }, (_, i) => i / 7),
    ),
  ])
}

function nanoseconds(data: BigInt64Array): Vector {
  const type = new TimestampNanosecond('Europe/Rome')
  return makeVector(makeData({ type, length: data.length, nullCount: 0, data }))
}

const types = everyType.filter((c) => c.field.name !== 'decimal')
const everything = batchOf([
  textColumn('id', ['a', 'b', 'c', 'd', 'e']),
  tensorColumn('embedding', [1, 2], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)),
  {
    field: new Field('nanoseconds', new TimestampNanosecond('Europe/Rome'), true),
    vector: nanoseconds(BigInt64Array.of(1n, -2n, 3n, 4n, 2n ** 60n)),
  },
  ...types,
])

describe('toParquet', () => {
  describe('keeps values, types and metadata', () => {
    let read: RecordBatch
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'to-parquet-'))
      const schema = new Schema(everything.schema.fields, new Map([['made', 'here']]))
      read = await readBack((await write([batchOf(columnsOf(everything), schema)])).path)
    })

    it.each(columnsOf(everything).map((c) => [c.field.name, c] as const))(
      'of %s',
      (name, { field, vector }) => {
        const there = read.schema.fields.find((f) => f.name === name)
        // Large types are read as the plain ones.
        expect(String(there?.type)).toBe(String(field.type).replace('Large', ''))
        expect(there?.metadata).toEqual(field.metadata)
        expect(
          plainValues(read.getChildAt(read.schema.fields.indexOf(there as Field)) ?? vector),
        ).toEqual(plainValues(vector))
      },
    )

    it('of the schema', () => {
      expect(read.schema.metadata.get('made')).toBe('here')
    })
  })

  it('gives the same bytes however the rows are batched', async () => {
    const rows = rowsOf(700)
    const options = { rowGroupRows: 300, rowGroupBytes: 12_000 }
    const whole = await write([rows], options)
    for (const size of [1, 97, 300])
      expect((await write(cut(rows, size), options)).bytes.equals(whole.bytes)).toBe(true)
    const typed = await write([everything, everything])
    expect(
      (await write([...cut(everything, 1), ...cut(everything, 3)])).bytes.equals(typed.bytes),
    ).toBe(true)
  })

  it('cuts row groups by rows and by bytes, and answers with what it wrote', async () => {
    const { path, summary, bytes } = await write(cut(rowsOf(1000), 64), { rowGroupRows: 400 })
    expect(summary).toEqual({
      sink: 'toParquet',
      location: path,
      rows: 1000,
      bytes: bytes.length,
      files: 1,
    })
    const batches = await lastValueFrom(fromParquet(path).pipe(toArray()))
    expect(batches.map((b) => b.numRows)).toEqual([400, 400, 200])
    expect(plainValues(concat(batches).getChild('text') as never)).toEqual(
      plainValues(rowsOf(1000).getChild('text') as never),
    )
    const big = textColumn('id', ['x'.repeat(3000), 'a', 'b', 'y'.repeat(3000)])
    const { path: byBytes } = await write([batchOf([big])], { rowGroupBytes: 1000 })
    const groups = await lastValueFrom(fromParquet(byBytes).pipe(toArray()))
    expect(groups.map((b) => b.numRows)).toEqual([1, 2, 1])
  })

  it.each(['snappy', 'gzip', 'none'] as const)(
    'writes what parquetjs-lite reads, with %s',
    async (compression) => {
      const rows = batchOf([
        textColumn('id', ['a', 'b', 'c']),
        int32Column('number', [1, null, -3]),
        float64Column('score', Float64Array.of(0.5, 1.5, -2)),
      ])
      const { path } = await write(cut(rows, 1), {
        compression,
        rowGroupRows: 2,
        dictionary: false,
      })
      expect(await readWithParquetJs(path)).toEqual([
        { id: 'a', number: 1, score: 0.5 },
        { id: 'b', score: 1.5 },
        { id: 'c', number: -3, score: -2 },
      ])
    },
  )

  it('writes chosen columns, heavy ones only when chosen', async () => {
    const image = int32Column('image', [1])
    const row = batchOf([
      textColumn('id', ['a']),
      { ...image, field: heavy(image.field) },
      int32Column('n', [2]),
    ])
    const names = async (options?: ToParquetOptions) =>
      (await readBack((await write([row], options)).path)).schema.fields.map((f) => f.name)
    expect(await names()).toEqual(['id', 'n'])
    expect(await names({ columns: ['image', 'id'] })).toEqual(['image', 'id'])
    await expect(write([row], { columns: ['nn'] })).rejects.toMatchObject({
      code: 'SCHEMA',
      column: 'nn',
    })
  })

  it('writes an empty file with the schema of the flow, or of a batch without rows', async () => {
    const { schema } = rowsOf(1)
    const none = new Flow<RecordBatch>(async function* () {}, {
      name: 'none',
      role: 'source',
      schema: () => schema,
    })
    expect(await lastValueFrom(none.pipe(toParquet(at('flow'))))).toMatchObject({ rows: 0 })
    await write([emptyBatch(schema)])
    for (const path of [at('flow'), at('written.parquet')]) {
      expect(String(await fromParquet(path).schema())).toBe(String(schema))
      expect(await lastValueFrom(fromParquet(path).pipe(toArray()))).toEqual([])
    }
    await expect(write([])).rejects.toMatchObject({ code: 'SCHEMA' })
    expect(await readdir(folder)).toEqual(['flow', 'written.parquet'])
  })

  describe('leaves nothing behind', () => {
    const broken = async function* () {
      yield* cut(rowsOf(50), 10)
      await Promise.resolve()
      throw new Error('broken source')
    }
    const cases: readonly { name: string; run: () => Promise<unknown>; error?: object }[] = [
      {
        name: 'when the source fails',
        run: () => lastValueFrom(flowOf(broken()).pipe(toParquet(at('x'), { rowGroupRows: 20 }))),
        error: { message: 'broken source' },
      },
      {
        name: 'when columns change',
        run: () => lastValueFrom(from([rowsOf(5), everything]).pipe(toParquet(at('x')))),
        error: { code: 'SCHEMA', column: 'text' },
      },
      {
        name: 'when a column that cannot have nulls has one',
        run() {
          const vector = vectorFromArray([1, null], new Int32())
          const rows = batchOf([{ field: new Field('n', new Int32(), false), vector }])
          return lastValueFrom(from([rows]).pipe(toParquet(at('x'))))
        },
        error: { message: expect.stringContaining('non-nullable') as string },
      },
      {
        name: 'when it is ended early',
        async run() {
          const abort = new AbortController()
          const endless = new Flow<RecordBatch>(
            async function* ({ signal }) {
              for (let i = 0; !signal.aborted; i++) {
                if (i === 3) abort.abort()
                yield await Promise.resolve(rowsOf(30))
              }
            },
            { name: 'endless', role: 'source' },
          )
          const run = flowOf(toParquet(at('x'), { rowGroupRows: 20 })(endless))
          for await (const value of run.pull({ signal: abort.signal }))
            expect(value).toBeUndefined()
        },
      },
    ]
    it.each(cases)('$name', async ({ run, error }) => {
      if (error) await expect(run()).rejects.toMatchObject(error)
      else await run()
      expect(await readdir(folder)).toEqual([])
    })

    it('and keeps the file that was there', async () => {
      await writeFile(at('x'), 'before')
      await expect(lastValueFrom(flowOf(broken()).pipe(toParquet(at('x'))))).rejects.toThrow(
        'broken source',
      )
      expect(await readFile(at('x'), 'utf8')).toBe('before')
    })
  })

  it.each([
    ['a folder that is missing', 'no/such/file', 'ENOENT'],
    ['a folder of that name', 'taken', undefined],
    ['a file where a folder should be', 'file/x', 'ENOTDIR'],
  ])('fails before the first row for %s', async (_, name, code) => {
    await mkdir(at('taken'))
    await writeFile(at('file'), '')
    let asked = 0
    const rows = from([rowsOf(1)]).pipe(map((b) => (asked++, b)))
    const error: unknown = await lastValueFrom(rows.pipe(toParquet(at(name)))).catch(
      (e: unknown) => e,
    )
    expect(error).toMatchObject({ code: 'CONNECTOR', url: at(name), retryable: false })
    expect((error as Error).cause as object | undefined).toEqual(
      code ? expect.objectContaining({ code }) : undefined,
    )
    expect(asked).toBe(0)
  })

  it('goes on after a checkpoint and writes the bytes of an unbroken run', async () => {
    const rows = rowsOf(500)
    const batches = cut(rows, 30)
    const options = { rowGroupRows: 100 }
    const { bytes } = await write(batches, options)

    const barrier = new Barrier(1)
    const crashing = new Flow<RecordBatch>(
      async function* () {
        yield* batches.slice(0, 9)
        yield barrier
        yield* batches.slice(9, 14)
        await barrier.committed()
        throw new Error('crash')
      },
      { name: 'rows', role: 'source' },
    )
    const first = flowOf(crashing.pipe(toParquet(at('resumed'), options)))
    await expect(pulled(first, runFrom(new Map()))).rejects.toThrow('crash')

    const run = runFrom(barrier.states)
    const second = flowOf(flowOf(batches.slice(9)).pipe(toParquet(at('resumed'), options)))
    const receipts: (WriteSummary | Control)[] = []
    receipts.push(...(await pulled(second, run)))
    expect(receipts).toMatchObject([{ rows: 500, files: 1 }])
    for (const { publish } of run.publications) await publish()
    expect((await readFile(at('resumed'))).equals(bytes)).toBe(true)
    expect((await readdir(folder)).sort()).toEqual(['resumed', 'written.parquet'])
  })

  it.each<[string, ToParquetOptions]>([
    [
      'Expected option `rowGroupRows` to be a positive integer, got `0` (number)',
      { rowGroupRows: 0 },
    ],
    [
      'Expected option `rowGroupBytes` to be a number from 1 to 536870912, got `0` (number)',
      { rowGroupBytes: 0 },
    ],
    [
      "Expected option `compression` to be one of 'zstd', 'snappy', 'gzip', 'none', got `zst` (string); did you mean `zstd`?",
      { compression: 'zst' as 'zstd' },
    ],
    [
      'Expected option `columns` to be a non-empty list of column names, got `` (list)',
      { columns: [] },
    ],
    [
      'Expected toParquet to be given only known options, got `rowGroups`; did you mean `rowGroupRows`?',
      { rowGroups: 1 } as ToParquetOptions,
    ],
  ])('says: %s', (message, options) => {
    expect(() => toParquet('x', options)).toThrow(
      expect.objectContaining({ code: 'OPTION', message }),
    )
  })
})
