import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Dictionary, Field, Int32, type RecordBatch, Utf8, vectorFromArray } from 'apache-arrow'
import { lastValueFrom, of, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toParquet } from '../../connectors/to-parquet.ts'
import { manual, type ManualOptions } from '../../operators/manual.ts'
import {
  batchOf,
  column,
  concat,
  float64Column,
  int32Column,
  textColumn,
} from '../../src/batch/batch.ts'
import { tensorMatrix } from '../../src/batch/tensor.ts'
import { ConnectorError, DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Rejects } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { run } from '../../src/run/run.ts'

let folder: string
let file: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manual-test-'))
  file = join(folder, 'points.parquet')
  const stored = batchOf([
    textColumn('id', ['d', 'a', 'b', 'c']),
    float64Column('x', Float64Array.of(9, 0.1, 2, 4)),
    int32Column('y', [9, 1, 3, null]),
    textColumn('note', ['', '', '', '']),
  ])
  await run(flowIn(2, stored).pipe(toParquet(file, { rowGroupRows: 2 })))
})
afterAll(() => rm(folder, { recursive: true }))

const points = { a: [0.1, 1], b: [2, 3], d: [9, 9] }
const rows = batchOf([
  textColumn('id', ['a', 'b', 'c', 'a', 'toString']),
  textColumn('name', ['b', null, 'd', 'null', 'a']),
])

function flowIn(size: number, batch: RecordBatch = rows): Flow<RecordBatch> {
  return new Flow<RecordBatch>(
    async function* () {
      for (let at = 0; at < batch.numRows; at += size)
        yield await Promise.resolve(batch.slice(at, at + size))
    },
    { name: 'rows', role: 'source', bounded: true, schema: () => batch.schema },
  )
}

/** The ids and points that come out, and the rejects. */
async function answer(options: ManualOptions, size = 5, batch = rows): Promise<unknown> {
  const out: RecordBatch[] = []
  const rejects: unknown[] = []
  const { signal } = new AbortController()
  for await (const value of flowOf(flowIn(size, batch).pipe(manual(options))).pull({ signal }))
    if (value instanceof Rejects) rejects.push(...value.rows)
    else out.push(value as RecordBatch)
  const all = concat(out)
  const vector = column(all, options.into ?? 'manual')
  const values = tensorMatrix(vector).values
  const each = Array.from({ length: all.numRows }, (_, row) =>
    vector.isValid(row) ? [...values.subarray(2 * row, 2 * row + 2)] : null,
  )
  return { ids: [...column(all, 'id')], points: each, rejects }
}

const nulls = {
  ids: ['a', 'b', 'c', 'a', 'toString'],
  points: [[0.1, 1], [2, 3], null, [0.1, 1], null],
  rejects: [],
}

describe('manual', () => {
  const cases: readonly [string, () => ManualOptions, unknown][] = [
    ['given', () => ({ points }), nulls],
    ['of a file', () => ({ points: file }), nulls],
    [
      'by another column, in which null is no key',
      () => ({ points, key: 'name', into: 'place' }),
      { ...nulls, points: [[2, 3], null, [9, 9], null, [0.1, 1]] },
    ],
    [
      'or rejects what has none',
      () => ({ points, missing: 'reject' }),
      {
        ids: ['a', 'b', 'a'],
        points: [
          [0.1, 1],
          [2, 3],
          [0.1, 1],
        ],
        rejects: ['c', 'toString'].map((id) => ({
          ...{ id, operator: 'manual', code: 'MISSING', attempt: 1 },
          message: `Expected a point for \`${id}\`, got none`,
        })),
      },
    ],
  ]
  it.each(cases)(
    'gives rows the points %s, however they are batched',
    async (_, options, expected) => {
      for (const size of [1, 2, 5]) expect(await answer(options(), size)).toEqual(expected)
    },
  )

  it('adds a tensor of Float64, as many values as a point has coordinates', async () => {
    const schemaOf = (options: ManualOptions) => flowOf(flowIn(5).pipe(manual(options))).schema()
    const types = [
      (await schemaOf({ points: { a: [1, 2, 3] } }))?.fields.at(-1)?.type,
      (await schemaOf({ points: file, columns: ['y'] }))?.fields.at(-1)?.type,
    ]
    expect(types.map(String)).toEqual(['FixedSizeList[3]<Float64>', 'FixedSizeList[1]<Float64>'])
  })

  it('reads keys of a dictionary, a sliced batch and an empty one', async () => {
    const vector = vectorFromArray(['b', 'a', 'b'], new Dictionary(new Utf8(), new Int32()))
    const coded = batchOf([{ field: new Field('id', vector.type, true), vector }])
    expect(await answer({ points }, 5, coded.slice(1, 3))).toMatchObject({
      points: [
        [0.1, 1],
        [2, 3],
      ],
    })
    const empty = of(rows.slice(0, 0)).pipe(manual({ points }), toArray())
    expect((await lastValueFrom(empty)).map((batch) => batch.numRows)).toEqual([0])
  })

  it('fails on a row without a point where it is told to', async () => {
    await expect(answer({ points, missing: 'fail' })).rejects.toThrow(
      new DataError('Expected a point for `c`, got none', { url: 'c' }),
    )
  })

  it('is refused where it does not fit', async () => {
    const schemaOf = (options: ManualOptions) => flowOf(flowIn(5).pipe(manual(options))).schema()
    await expect(schemaOf({ points, key: 'idd' })).rejects.toThrow('did you mean `id`?')
    await expect(answer({ points: join(folder, 'none.parquet') })).rejects.toThrow(ConnectorError)
    await expect(answer({ points: file, columns: ['x', 'z'] })).rejects.toThrow(SchemaError)
    await expect(answer({ points: file, columns: ['note'] })).rejects.toThrow('to be number')
  })

  it('checks its options at the call', () => {
    const bad: readonly [unknown, string][] = [
      [{ points: {} }, 'or the path of a Parquet file, got an object'],
      [{ points: undefined }, 'got nothing'],
      [{ points: '' }, '`points` to be a non-empty string'],
      [{ points: { a: [1, 2], b: [1] } }, 'Expected 2 finite numbers for `b`'],
      [{ points: { a: [1, NaN] } }, 'Expected 2 finite numbers for `a`'],
      [{ points, columns: ['x'] }, 'Expected no option `columns`'],
      [{ points, missing: 'nul' }, 'did you mean `null`?'],
      [{ points, kee: 'id' }, 'did you mean `key`?'],
    ]
    for (const [options, message] of bad) {
      expect(() => manual(options as ManualOptions)).toThrow(OptionError)
      expect(() => manual(options as ManualOptions)).toThrow(message)
    }
  })
})
