import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toParquet } from '../../connectors/to-parquet.ts'
import { reuse } from '../../operators/reuse.ts'
import {
  batchOf,
  column,
  float64Column,
  take,
  textColumn,
  withColumns,
} from '../../src/batch/batch.ts'
import { ConnectorError } from '../../src/errors.ts'
import { Barrier, Control, Rejects } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { operate } from '../../src/flow/operate.ts'
import { Run } from '../../src/run/run-state.ts'
import { countsOf, pulled, runFrom } from '../helpers/runs.ts'
import { schemaWith } from '../../src/batch/schema.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reuse-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Rows whose id is `name` and whose key is what follows the colon, if there is one. */
function rowsOf(names: readonly string[]): RecordBatch {
  return batchOf([
    textColumn('id', names),
    textColumn(
      'key',
      names.map((name) => name.split(':').at(-1) ?? ''),
    ),
  ])
}

function sourceOf(names: readonly string[], size: number): Flow<RecordBatch> {
  const batches: RecordBatch[] = []
  for (let i = 0; i < names.length; i += size) batches.push(rowsOf(names.slice(i, i + size)))
  return new Flow(
    async function* () {
      for (const batch of batches) yield await Promise.resolve(batch)
    },
    { name: 'rows', role: 'source', schema: () => rowsOf(['a']).schema },
  )
}

/** Adds `length`, the length of the key, and counts how often; keys that start with `!` are rejects. */
function measure(made: string[], concurrency = 1) {
  return operate<RecordBatch, RecordBatch>({
    name: 'measure',
    concurrency,
    schema: (input) => schemaWith(input, [float64Column('length', new Float64Array()).field]),
    start: () => ({
      *next(batch) {
        const keys = [...column(batch, 'key')].map(String)
        const kept = keys.flatMap((key, row) => (key.startsWith('!') ? [] : [row]))
        made.push(...keys)
        const lengths = Float64Array.from(kept, (row) => keys[row]?.length ?? 0)
        if (kept.length > 0)
          yield withColumns(take(batch, kept), [float64Column('length', lengths)])
        const bad = keys.filter((key) => key.startsWith('!'))
        if (bad.length > 0)
          yield new Rejects(
            bad.map((id) => ({ id, operator: 'measure', code: 'BAD', message: '', attempt: 1 })),
          )
      },
    }),
  })
}

const names = ['a', 'bb', 'ccc', '!d', 'e:bb', 'ffff', 'ggggg', '!h', 'iiiiii']
const expected = [
  ...[
    ['a', 1],
    ['bb', 2],
    ['ccc', 3],
    ['e:bb', 2],
  ],
  ...[
    ['ffff', 4],
    ['ggggg', 5],
    ['iiiiii', 6],
  ],
]

async function stored(file: string, keys: readonly string[], model: string): Promise<string> {
  const path = join(folder, file)
  const rows = withColumns(rowsOf(keys), [
    float64Column(
      'length',
      Float64Array.from(keys, (key) => key.length),
    ),
    textColumn(
      'model',
      keys.map(() => model),
    ),
  ])
  await lastValueFrom(flowOf([rows]).pipe(toParquet(path, { rowGroupRows: 2 })))
  return path
}

async function reused(from: string, size: number, concurrency = 1, source = sourceOf(names, size)) {
  const made: string[] = []
  const operator = reuse({
    from,
    key: 'key',
    where: { model: 'm' },
    columns: ['length'],
    otherwise: measure(made, concurrency),
  })
  const out: (RecordBatch | Control)[] = []
  const flow = flowOf(source.pipe(operator))
  for await (const value of flow.pull({ signal: new AbortController().signal })) out.push(value)
  const rows = out.flatMap((value) =>
    value instanceof Rejects || !('numRows' in value)
      ? []
      : Array.from({ length: value.numRows }, (_, row): unknown[] => [
          column(value, 'id').get(row),
          column(value, 'length').get(row),
        ]),
  )
  const rejects = out.flatMap((v) => (v instanceof Rejects ? v.rows.map((r) => r.id) : []))
  return { made, rows, rejects }
}

describe('reuse', () => {
  const cases = [
    { name: 'no row', known: ['zzz'], makes: ['a', 'bb', 'ccc', 'bb', 'ffff', 'ggggg', 'iiiiii'] },
    { name: 'some rows', known: ['ccc', 'bb', 'iiiiii'], makes: ['a', 'ffff', 'ggggg'] },
    { name: 'every row', known: ['a', 'bb', 'ccc', 'ffff', 'ggggg', 'iiiiii'], makes: [] },
  ]
  for (const { name, known, makes } of cases) {
    it.each([
      [1, 1],
      [2, 3],
      [4, 1],
      [9, 2],
    ])(`takes ${name} from the file, in batches of %i, %i at a time`, async (size, concurrency) => {
      const { made, rows, rejects } = await reused(
        await stored('known', known, 'm'),
        size,
        concurrency,
      )
      expect(rows).toEqual(expected)
      expect(rejects).toEqual(['!d', '!h'])
      expect(made).toEqual(expect.arrayContaining(makes))
      expect(made.filter((key) => !key.startsWith('!')).sort()).toEqual([...makes].sort())
    })
  }

  it('takes nothing that another model made, nor where there is no file', async () => {
    const other = await reused(await stored('other', ['a', 'bb'], 'another'), 3)
    expect(other.rows).toEqual(expected)
    expect(other.made).toHaveLength(names.length)
    const none = await reused(join(folder, 'none'), 3)
    expect(none.rows).toEqual(expected)
    expect(none.made).toHaveLength(names.length)
  })

  it('keeps 500 batches in order, however few are made', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `k${String(i)}`)
    const path = await stored(
      'many',
      many.filter((_, i) => i % 97 !== 0),
      'm',
    )
    const { made, rows } = await reused(path, 2, 4, sourceOf(many, 2))
    expect(rows.map((row) => row[0])).toEqual(many)
    expect(made).toHaveLength(11)
  })

  it.each([1, 3])('lets a barrier out behind all rows before it, %i at a time', async (n) => {
    const known = await stored('barrier', ['bb', 'ffff'], 'm')
    const barrier = new Barrier(1)
    const operator = () =>
      reuse({
        from: known,
        key: 'key',
        where: { model: 'm' },
        columns: ['length'],
        otherwise: measure([], n),
      })
    const through = async (source: Flow<RecordBatch>, run: Run) => {
      const out: (readonly [string, unknown] | Control)[] = []
      for (const value of await pulled(flowOf(source.pipe(operator())), run))
        if (value instanceof Control) out.push(value)
        else
          for (const row of value)
            out.push([String(row.toJSON()['id']), row.toJSON()['length']] as const)
      return out
    }
    const run = new Run()
    const before = sourceOf(names.slice(0, 5), 1)
    const cut = new Flow<RecordBatch>(
      async function* (context) {
        yield* before.pull(context)
        yield barrier
        yield* sourceOf(names.slice(5), 1).pull(context)
      },
      { ...before.info },
    )
    const out = await through(cut, run)
    const rows = out.filter((value) => !(value instanceof Control))
    expect(rows).toEqual(expected)
    const place = out.slice(0, out.indexOf(barrier))
    expect(place.filter((value) => !(value instanceof Control))).toEqual(expected.slice(0, 4))
    expect(place.filter((value) => value instanceof Rejects)).toHaveLength(1)
    expect([...barrier.states.keys()].sort()).toEqual(['measure@reuse', 'reuse'])
    expect(barrier.states.get('reuse')).toMatchObject({ counts: { rowsIn: 4 }, state: 'reused' })

    const resumed = runFrom(barrier.states)
    const rest = await through(sourceOf(names.slice(5), 2), resumed)
    expect(rest.filter((value) => !(value instanceof Control))).toEqual(expected.slice(4))
    expect(countsOf(resumed)['reuse']).toMatchObject({ rowsIn: 7, rowsKept: 7 })
    await rm(known)
    await expect(through(sourceOf(names.slice(5), 2), runFrom(barrier.states))).rejects.toThrow(
      ConnectorError,
    )
  })

  it('fails on a damaged file, and on one that lacks a column', async () => {
    const text = join(folder, 'text')
    await writeFile(text, 'no parquet here, whatever its name says')
    await expect(reused(text, 2)).rejects.toMatchObject({ code: 'DATA' })
    const bare = join(folder, 'bare')
    await lastValueFrom(flowOf([rowsOf(['a'])]).pipe(toParquet(bare)))
    await expect(reused(bare, 2)).rejects.toMatchObject({ code: 'SCHEMA', column: 'model' })
  })

  it('ends early', async () => {
    const path = await stored('early', ['a', 'bb'], 'm')
    const operator = reuse({
      from: path,
      key: 'key',
      where: { model: 'm' },
      columns: ['length'],
      otherwise: measure([]),
    })
    for await (const batch of flowOf(sourceOf(names, 1).pipe(operator))) {
      expect(column(batch, 'id').get(0)).toBe('a')
      break
    }
    const batches = await lastValueFrom(sourceOf(['a'], 1).pipe(operator, toArray()))
    expect(batches).toHaveLength(1)
  })
})
