import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toParquet, type ToParquetOptions } from '../../connectors/to-parquet.ts'
import { batchOf, float64Column, int32Column, textColumn } from '../../src/batch/batch.ts'
import { Barrier, Control } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import type { WriteSummary } from '../../src/flow/sink.ts'
import { pulled, runFrom } from '../helpers/runs.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'to-parquet-folder-'))
})
afterEach(() => rm(folder, { recursive: true }))

const at = (name: string) => join(folder, name)
const labels = ['cat', 'dog', null, 'a/b=c', '']

function rowsOf(numRows: number): RecordBatch {
  const numbers = Array.from({ length: numRows }, (_, i) => i)
  return batchOf([
    textColumn(
      'id',
      numbers.map((i) => `r${String(i)}`),
    ),
    textColumn(
      'label',
      numbers.map((i) => labels[i % labels.length] ?? null),
    ),
    int32Column('number', numbers),
  ])
}

function cut(batch: RecordBatch, size: number): RecordBatch[] {
  const out: RecordBatch[] = []
  for (let i = 0; i < batch.numRows; i += size) out.push(batch.slice(i, i + size))
  return out
}

function write(
  batches: readonly RecordBatch[],
  name: string,
  options: ToParquetOptions,
): Promise<WriteSummary> {
  return lastValueFrom(flowOf(batches).pipe(toParquet(at(name), options)))
}

/** Paths of files below a folder, hidden ones too, with their bytes. */
async function filesIn(name: string): Promise<Record<string, string>> {
  const all = await readdir(at(name), { recursive: true, withFileTypes: true })
  const files: Record<string, string> = {}
  for (const entry of all.filter((e) => e.isFile())) {
    const path = join(entry.parentPath, entry.name)
    files[path.slice(at(name).length + 1)] = (await readFile(path)).toString('base64')
  }
  return Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function readBack(name: string): Promise<Record<string, unknown>[]> {
  const batches = await lastValueFrom(fromParquet(at(name)).pipe(toArray()))
  return batches.flatMap(plainRows)
}

function plainRows(batch: RecordBatch): Record<string, unknown>[] {
  return Array.from({ length: batch.numRows }, (_, row) =>
    Object.fromEntries(
      batch.schema.fields.map(({ name }) => [name, batch.getChild(name)?.get(row) as unknown]),
    ),
  )
}

describe('toParquet with partitionBy', () => {
  it('writes a folder for each value, without the column, which is read back as text', async () => {
    const summary = await write([rowsOf(20)], 'out', { partitionBy: ['label'] })
    expect(Object.keys(await filesIn('out'))).toEqual([
      'label=/part-000005.parquet',
      'label=__HIVE_DEFAULT_PARTITION__/part-000003.parquet',
      'label=a%2Fb%3Dc/part-000004.parquet',
      'label=cat/part-000001.parquet',
      'label=dog/part-000002.parquet',
    ])
    expect(summary).toMatchObject({ rows: 20, files: 5 })
    const cats = await fromParquet(at('out/label=cat/part-000001.parquet')).schema()
    expect(cats?.names).toEqual(['id', 'number'])
    const rows = await readBack('out')
    rows.sort((a, b) => Number(a['number']) - Number(b['number']))
    expect(rows).toEqual(plainRows(rowsOf(20)))
  })

  it('nests folders in the order of the columns', async () => {
    const rows = batchOf([
      textColumn('id', ['a', 'b', 'c']),
      int32Column('fold', [1, 2, 1]),
      textColumn('split', ['train', 'train', 'test']),
    ])
    await write([rows], 'out', { partitionBy: ['split', 'fold'] })
    expect(Object.keys(await filesIn('out'))).toEqual([
      'split=test/fold=1/part-000003.parquet',
      'split=train/fold=1/part-000001.parquet',
      'split=train/fold=2/part-000002.parquet',
    ])
    expect(await readBack('out')).toEqual([
      { id: 'c', split: 'test', fold: '1' },
      { id: 'a', split: 'train', fold: '1' },
      { id: 'b', split: 'train', fold: '2' },
    ])
  })

  it('keeps no more files open than it may, and gives equal files however the rows are batched', async () => {
    const options = { partitionBy: ['label'], openFiles: 4, fileRows: 2, rowGroupRows: 1 }
    const rows = rowsOf(10)
    await write([rows], 'whole', options)
    const whole = await filesIn('whole')
    // Five values in turns with four places: each row but the first four ends another's file.
    expect(Object.keys(whole)).toHaveLength(10)
    for (const size of [1, 3]) {
      await write(cut(rows, size), `by${String(size)}`, options)
      expect(await filesIn(`by${String(size)}`)).toEqual(whole)
    }
    expect(await readBack('whole')).toHaveLength(10)
  })

  it('leaves the chosen columns in the files', async () => {
    const options = { partitionBy: ['label'], columns: ['number', 'label'] }
    await write([rowsOf(1)], 'out', options)
    const schema = await fromParquet(at('out')).schema()
    expect(schema?.names).toEqual(['id', 'number', 'label'])
  })

  it('refuses a column that cannot name a folder, and one that is not there', async () => {
    const rows = batchOf([textColumn('id', ['a']), float64Column('score', Float64Array.of(0.5))])
    for (const column of ['score', 'scores'])
      await expect(write([rows], 'out', { partitionBy: [column] })).rejects.toMatchObject({
        code: 'SCHEMA',
        column,
      })
  })
})

describe('toParquet with fileRows or fileBytes', () => {
  it('numbers files that have no more rows, or bytes in memory, than they may', async () => {
    const rows = rowsOf(25)
    expect(await write([rows], 'rows', { fileRows: 10 })).toMatchObject({ rows: 25, files: 3 })
    const names = [1, 2, 3].map((n) => `part-00000${String(n)}.parquet`)
    expect(Object.keys(await filesIn('rows'))).toEqual(names)
    expect((await readBack('rows')).map((row) => row['number'])).toEqual([...Array(25).keys()])
    const big = batchOf([textColumn('id', ['x'.repeat(3000), 'a', 'b', 'y'.repeat(3000)])])
    for (const batches of [[big], cut(big, 1)]) {
      await write(batches, 'bytes', { fileBytes: 1000 })
      const counts = []
      for (const name of names) {
        const read = await lastValueFrom(fromParquet(at(`bytes/${name}`)).pipe(toArray()))
        counts.push(read[0]?.numRows)
      }
      expect(counts).toEqual([1, 2, 1])
      await rm(at('bytes'), { recursive: true })
    }
  })

  it('has one file without rows for a flow without rows', async () => {
    await write([rowsOf(3).slice(0, 0)], 'out', { fileRows: 10 })
    expect(await readBack('out')).toEqual([])
    expect((await fromParquet(at('out')).schema())?.names).toEqual(['id', 'label', 'number'])
  })

  it('refuses a folder with other files, before the first row', async () => {
    await mkdir(at('out/label=x'), { recursive: true })
    await write([rowsOf(5)], 'out', { fileRows: 10 })
    await rm(at('out'), { recursive: true })
    await mkdir(at('out/label=x'), { recursive: true })
    await writeFile(at('out/label=x/old.parquet'), '')
    await expect(write([rowsOf(5)], 'out', { partitionBy: ['label'] })).rejects.toMatchObject({
      code: 'CONNECTOR',
      url: at('out'),
      retryable: false,
      message: `Expected ${at('out')} to be an empty folder or none, got label=x/old.parquet in it: remove it, or write elsewhere`,
    })
  })
})

describe('toParquet into a folder, in a run', () => {
  const options = { partitionBy: ['label'], fileRows: 3, openFiles: 5, rowGroupRows: 2 }
  const batches = cut(rowsOf(24), 4)

  it.each([1, 4])('goes on after checkpoint at batch %i with equal files', async (stop) => {
    await write(batches, 'whole', options)
    const barrier = new Barrier(1)
    const crashing = new Flow<RecordBatch>(
      async function* () {
        yield* batches.slice(0, stop)
        yield barrier
        yield* batches.slice(stop, stop + 2)
        await barrier.committed()
        throw new Error('crash')
      },
      { name: 'rows', role: 'source' },
    )
    const first = flowOf(crashing.pipe(toParquet(at('resumed'), options)))
    await expect(pulled(first, runFrom(new Map()))).rejects.toThrow('crash')
    const visible = Object.keys(await filesIn('resumed')).filter((path) => !path.includes('/.'))
    expect(visible).toEqual([])

    const run = runFrom(structuredClone(barrier.states))
    const rest = flowOf(flowOf(batches.slice(stop)).pipe(toParquet(at('resumed'), options)))
    const receipts: (WriteSummary | Control)[] = await pulled(rest, run)
    const whole = await filesIn('whole')
    expect(receipts).toMatchObject([{ rows: 24, files: Object.keys(whole).length }])
    for (const { publish } of run.publications) await publish()
    expect(await filesIn('resumed')).toEqual(whole)
  })

  it('leaves no file if it fails', async () => {
    async function* broken() {
      yield* batches.slice(0, 5)
      await Promise.resolve()
      throw new Error('broken source')
    }
    const rows = flowOf(broken()).pipe(toParquet(at('out'), options))
    await expect(lastValueFrom(rows)).rejects.toThrow('broken source')
    expect(await filesIn('out')).toEqual({})
  })

  it('publishes at each checkpoint what a flow without end has brought', async () => {
    const barrier = new Barrier(1)
    const endless = new Flow<RecordBatch>(
      async function* () {
        yield* batches.slice(0, 3)
        yield barrier
        await barrier.committed()
        expect((await readBack('out')).length).toBe(12)
        yield* batches.slice(3, 5)
      },
      { name: 'rows', role: 'source', bounded: false },
    )
    await pulled(flowOf(endless.pipe(toParquet(at('out'), options))), runFrom(new Map()))
    expect(Object.keys(await filesIn('out')).some((path) => path.includes('/.'))).toBe(true)
  })
})

it.each<[string, ToParquetOptions]>([
  ['Expected option `openFiles` to come with `partitionBy`', { openFiles: 2 }],
  ['Expected option `fileRows` to be a positive integer, got `0` (number)', { fileRows: 0 }],
  ['Expected option `fileBytes` to be a positive integer, got `1.5` (number)', { fileBytes: 1.5 }],
  [
    'Expected option `partitionBy` to be a non-empty list of column names, got `` (list)',
    { partitionBy: [] },
  ],
])('toParquet says: %s', (message, options) => {
  expect(() => toParquet('x', options)).toThrow(
    expect.objectContaining({ code: 'OPTION', message }),
  )
})
