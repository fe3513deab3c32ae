import { Dictionary, Field, Float64, Int8, Utf8, vectorFromArray } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { filter, type FilterOptions } from '../../operators/filter.ts'
import { flatten } from '../../operators/flatten.ts'
import {
  batchOf,
  binaryColumn,
  boolColumn,
  int32Column,
  int64Column,
  textColumn,
} from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { Run } from '../../src/run/run-state.ts'
import { askable } from '../helpers/askable.ts'
import { everyType } from '../helpers/every-type.ts'
import { gather, values } from '../helpers/pictures.ts'
import { countsOf, pulled } from '../helpers/runs.ts'
import { cutInto, tensorBatch, tensorsIn } from '../helpers/tensors.ts'

const dictionary = new Dictionary(new Utf8(), new Int8())
const batch = batchOf([
  textColumn('id', ['a', 'b', 'c', 'd', 'e']),
  textColumn('label', ['cat', null, 'dog', 'cat', 'cow']),
  int32Column('n', [1, 2, null, 4, 5]),
  int64Column('big', [1n, 2n ** 60n, null, 4n, 5n]),
  boolColumn('ok', [true, false, null, true, false]),
  {
    field: new Field('coded', dictionary, true),
    vector: vectorFromArray(['x', 'y', null, 'x', 'z'], dictionary),
  },
  {
    field: new Field('score', new Float64(), true),
    vector: vectorFromArray([0.5, NaN, null, -0, 1], new Float64()),
  },
])

const cases: readonly (FilterOptions & { ids: string })[] = [
  { column: 'label', in: ['cat'], ids: 'ad' },
  { column: 'label', in: ['cat', null], ids: 'abd' },
  { column: 'label', notIn: ['cat'], ids: 'bce' },
  { column: 'label', notIn: ['cat', null], ids: 'ce' },
  { column: 'label', in: ['bird'], ids: '' },
  { column: 'n', in: [1, 5n], ids: 'ae' },
  { column: 'big', in: [1, 2n ** 60n], ids: 'ab' },
  { column: 'big', notIn: [null], ids: 'abde' },
  { column: 'ok', in: [false], ids: 'be' },
  { column: 'coded', in: ['x'], ids: 'ad' },
  { column: 'score', in: [NaN, 0], ids: 'bd' },
  { columns: ['n', 'label'], where: ({ n, label }) => Number(n) > 1 && label !== 'cow', ids: 'bd' },
  { columns: ['big'], where: ({ big }) => big === null, ids: 'c' },
]

describe('filter', () => {
  for (const { ids, ...options } of cases)
    it.each([1, 2, 5])(
      `keeps ${ids || 'nothing'} in batches of %i: ${JSON.stringify(options, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v))}`,
      async (size) => {
        const { batches } = await gather(flowOf(cutInto(batch, size)).pipe(filter(options)))
        expect(values(batches, 'id').join('')).toBe(ids)
      },
    )

  it('passes a whole batch on, slices neighbours, and keeps every type', async () => {
    const every = batchOf([textColumn('id', ['a', 'b', 'c', 'd', 'e']), ...everyType])
    const out = async (ids: string[]) =>
      (await gather(flowOf([every]).pipe(filter({ column: 'id', in: ids })))).batches[0]
    expect(await out(['a', 'b', 'c', 'd', 'e'])).toBe(every)
    const neighbours = await out(['b', 'c', 'd'])
    const buffer = (b = every) => (b.getChild('float64')?.data[0]?.values as Float64Array).buffer
    expect(buffer(neighbours)).toBe(buffer())
    const apart = await out(['a', 'c', 'e'])
    expect(String(apart?.schema)).toBe(String(every.schema))
    expect(apart?.toArray().map(String)).toEqual([0, 2, 4].map((row) => String(every.get(row))))
  })

  it('gives no batch of which nothing is left, and passes one without rows to what follows', async () => {
    const tensors = tensorBatch(
      'embedding',
      [1, 2],
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    )
    const input = [tensors.slice(0, 1), tensors.slice(1, 1), tensors.slice(1, 3)]
    const flow = flowOf(input).pipe(filter({ column: 'id', notIn: ['0'] }), flatten())
    const { batches } = await gather(flow)
    expect(batches.map(({ numRows }) => numRows)).toEqual([0, 2])
    expect(tensorsIn(batches, 'embedding')).toMatchObject({
      shape: [2],
      rows: [
        [3, 4],
        [5, 6],
      ],
    })
  })

  it('counts what it leaves out as dropped', async () => {
    const run = new Run()
    await pulled(flowOf(flowOf([batch]).pipe(filter({ column: 'label', in: ['cat'] }))), run)
    expect(countsOf(run)['filter']).toEqual({ rowsIn: 5, rowsKept: 2, rejected: 0, dropped: 3 })
  })

  it('asks for a heavy column that the predicate is given', async () => {
    const image = binaryColumn('image', [Uint8Array.of(1), null])
    const pictures = batchOf([
      textColumn('id', ['a', 'b']),
      { ...image, field: heavy(image.field) },
    ])
    const { flow, asked } = askable([pictures])
    const here = filter({ columns: ['image'], where: ({ image }) => image !== null })
    const { batches } = await gather(flow.pipe(here), { columns: [] })
    expect(asked).toEqual(['image'])
    expect(values(batches, 'id')).toEqual(['a'])
    expect(batches[0]?.schema.names).toEqual(['id'])
  })

  const misfits: readonly (readonly [FilterOptions, string])[] = [
    [{ column: 'lable', in: ['cat'] }, 'did you mean `label`?'],
    [{ columns: ['m'], where: () => true }, 'Expected column `m` for filter'],
    [
      { column: 'label', in: [null, 1] },
      'Expected column `label` of filter to have values such as 1 (number), got Utf8',
    ],
    [
      { column: 'n', notIn: ['1'] },
      "Expected column `n` of filter to have values such as '1' (string), got Int32",
    ],
  ]
  it.each(misfits)('refuses %o for these columns', async (options, message) => {
    const flow = flowOf(askable([batch]).flow.pipe(filter(options)))
    await expect(flow.schema()).rejects.toThrow(message)
    await expect(gather(flow)).rejects.toThrow(SchemaError)
  })

  it.each([
    [{ column: 'n' }, 'Expected one of the options `in`, `notIn` and `where`, got both or none'],
    [{ column: 'n', in: [1], notIn: [2] }, 'got both or none'],
    [{ column: 'n', in: [] }, 'a non-empty list of texts, numbers, booleans or null, got a list'],
    [{ column: 'n', in: [{}] }, 'a non-empty list of texts, numbers, booleans or null'],
    [{ columns: ['n'], where: 'n > 1' }, 'Expected option `where` to be a function, got `n > 1`'],
    [{ column: 'n', where: () => true }, 'got `column`; did you mean `columns`?'],
  ])('refuses the options %o', (options, message) => {
    expect(() => filter(options as never)).toThrow(OptionError)
    expect(() => filter(options as never)).toThrow(message)
  })
})
