import {
  Field,
  Float64,
  List,
  type RecordBatch,
  type Schema,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { unnest } from '../../operators/unnest.ts'
import { batchOf, type Column, int32Column, textColumn } from '../../src/batch/batch.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { boxesColumn, boxesField } from '../../src/manifests/boxes.ts'
import { gather } from '../helpers/pictures.ts'
import { countsOf } from '../helpers/runs.ts'

function numbersColumn(rows: readonly (readonly (number | null)[] | null)[]): Column {
  const type = new List(new Field('item', new Float64(), true))
  return { field: new Field('score', type, true), vector: vectorFromArray(rows, type) }
}

function textsColumn(rows: readonly (readonly string[] | null)[]): Column {
  const type = new List(new Field('item', new Utf8(), true))
  return { field: new Field('label', type, true), vector: vectorFromArray(rows, type) }
}

/** Rows of no, one and several elements, and one that has null. */
const all = batchOf([
  textColumn('id', ['a', 'b', 'none', 'empty', 'e']),
  boxesColumn(boxesField('boxes'), [
    [1, 2, 3, 4, 5, 6, 7, 8],
    [9, 8, 7, 6],
    null,
    [],
    [1, 1, 1, 1],
  ]),
  numbersColumn([[0.1, null], [0.3], null, [], [0.5]]),
  textsColumn([['x', 'y'], ['z'], null, [], ['w']]),
  int32Column('n', [1, 2, 3, 4, null]),
])
const columns = ['score', 'boxes', 'label']

/** The rows as plain values. */
function plain(batches: readonly RecordBatch[]): unknown[] {
  const text = JSON.stringify(batches.flatMap((batch) => batch.toArray()))
  return JSON.parse(text) as unknown[]
}

const expected = [
  { id: 'a#0', boxes: [1, 2, 3, 4], score: 0.1, label: 'x', n: 1, parent_id: 'a', index: 0 },
  { id: 'a#1', boxes: [5, 6, 7, 8], score: null, label: 'y', n: 1, parent_id: 'a', index: 1 },
  { id: 'b#0', boxes: [9, 8, 7, 6], score: 0.3, label: 'z', n: 2, parent_id: 'b', index: 0 },
  { id: 'e#0', boxes: [1, 1, 1, 1], score: 0.5, label: 'w', n: null, parent_id: 'e', index: 0 },
]

describe('unnest', () => {
  it.each([1, 2, 5])('makes a row of each element, in batches of %i', async (size) => {
    const batches = [all.slice(0, 0)]
    for (let row = 0; row < 5; row += size) batches.push(all.slice(row, row + size))
    const made = await gather(flowOf(batches).pipe(unnest({ columns })))
    expect(plain(made.batches)).toEqual(expected)
    expect(countsOf(made.run)['unnest']).toEqual({
      ...{ rowsIn: 5, rowsKept: 3, rejected: 0, dropped: 2 },
    })
  })

  it('states the schema that comes', async () => {
    const rows = new Flow(
      async function* () {
        yield await Promise.resolve(all)
      },
      { name: 'rows', role: 'source', schema: () => all.schema },
    )
    const flow = flowOf(rows.pipe(unnest({ columns, index: 'place' })))
    const { batches } = await gather(flow)
    const typesOf = (schema: Schema | undefined) =>
      schema?.fields.map(({ name, type }) => [name, String(type)])
    expect(typesOf(batches[0]?.schema)).toEqual(typesOf(await flow.schema()))
    expect(typesOf(batches[0]?.schema)).toEqual([
      ['id', 'Utf8'],
      ['boxes', 'FixedSizeList[4]<Float64>'],
      ['score', 'Float64'],
      ['label', 'Utf8'],
      ['n', 'Int32'],
      ['parent_id', 'Utf8'],
      ['place', 'Int32'],
    ])
  })

  it('cuts what is made into batches', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => i)
    const rows = batchOf([textColumn('id', ['a', 'b']), numbersColumn([many, [1]])])
    const made = await gather(flowOf([rows]).pipe(unnest({ columns: ['score'] })))
    expect(made.batches.map(({ numRows }) => numRows)).toEqual([4096, 4096, 1809])
    expect(countsOf(made.run)['unnest']).toMatchObject({ rowsIn: 2, rowsKept: 2, dropped: 0 })
  })

  it('refuses a row whose lists have different lengths', async () => {
    const rows = batchOf([
      textColumn('id', ['a', 'b', 'c']),
      numbersColumn([[1], [1, 2], [3]]),
      textsColumn([['x'], null, ['y']]),
    ])
    const lists = ['score', 'label']
    await expect(gather(flowOf([rows]).pipe(unnest({ columns: lists })))).rejects.toThrow(DataError)
    const made = await gather(flowOf([rows]).pipe(unnest({ columns: lists, onError: 'reject' })))
    expect(plain(made.batches)).toMatchObject([{ id: 'a#0' }, { id: 'c#0' }])
    const message = 'Expected lists of one length, got 2 in `score` and 0 in `label`'
    expect(made.rejects).toMatchObject([{ id: 'b', operator: 'unnest', code: 'DAMAGED', message }])
  })

  it('checks its options, and asks for lists', async () => {
    expect(() => unnest({ columns: [] })).toThrow(OptionError)
    expect(() => unnest({ columns, colums: 1 } as never)).toThrow(
      'Expected unnest to be given only known options, got `colums`; did you mean `columns`?',
    )
    for (const name of ['n', 'nothing'])
      await expect(gather(flowOf([all]).pipe(unnest({ columns: [name] })))).rejects.toThrow(
        SchemaError,
      )
  })
})
