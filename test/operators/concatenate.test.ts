import { Field, FixedSizeList, Float64, Int32, Int64, vectorFromArray } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { concatenate } from '../../operators/concatenate.ts'
import { batchOf, emptyBatch, int32Column, int64Column, textColumn } from '../../src/batch/batch.ts'
import { heavy, isHeavy } from '../../src/batch/schema.ts'
import { fixedShapeTensor } from '../../src/batch/tensor.ts'
import { OptionError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { askable } from '../helpers/askable.ts'
import { plainValues } from '../helpers/every-type.ts'
import { gather } from '../helpers/pictures.ts'
import { cutInto, tensorsIn } from '../helpers/tensors.ts'

const grid = fixedShapeTensor('grid', [2, 2], new Int32())
const rows = [[1, 2, 3, 4], [5, 6, 7, 8], null, [9, 10, 11, 12]]
const batch = batchOf([
  textColumn('id', ['a', 'b', 'c', 'd']),
  int32Column('n', [10, null, 30, 40]),
  { field: grid, vector: vectorFromArray(rows, grid.type) },
])
const both = concatenate({ columns: ['n', 'grid'], into: 'all' })

describe('concatenate', () => {
  it.each([1, 2, 4])('joins numbers and tensors, in batches of %i', async (size) => {
    const { batches } = await gather(flowOf(cutInto(batch, size)).pipe(both))
    expect(tensorsIn(batches, 'all')).toEqual({
      shape: [5],
      type: 'Int32',
      rows: [[10, 1, 2, 3, 4], null, null, [40, 9, 10, 11, 12]],
    })
  })

  it('takes the order of the columns from the option, one of them twice', async () => {
    const operator = concatenate({ columns: ['grid', 'n', 'n'], into: 'n' })
    const [out] = (await gather(flowOf([batch.slice(3, 4)]).pipe(operator))).batches
    expect(out?.schema.names).toEqual(['id', 'n', 'grid'])
    expect(plainValues(out?.getChild('n') as never)).toEqual([[9, 10, 11, 12, 40, 40]])
  })

  it('joins integers of 64 bits, and nulls among the values of a tensor', async () => {
    const type = new FixedSizeList(2, new Field('item', new Int64(), true))
    const pair = vectorFromArray(
      [
        [1n, null],
        [2n ** 60n, 3n],
      ],
      type,
    )
    const input = batchOf([
      int64Column('n', [7n, 8n]),
      { field: new Field('pair', type, true), vector: pair },
    ])
    const operator = concatenate({ columns: ['pair', 'n'], into: 'all' })
    const [out] = (await gather(flowOf([input]).pipe(operator))).batches
    expect(plainValues(out?.getChild('all') as never)).toEqual([
      ['1n', null, '7n'],
      [`${String(2n ** 60n)}n`, '3n', '8n'],
    ])
    expect((out?.schema.fields[2]?.type as FixedSizeList).children[0]?.nullable).toBe(true)
  })

  it('passes a batch without rows', async () => {
    const { batches } = await gather(flowOf([emptyBatch(batch.schema)]).pipe(both))
    expect(tensorsIn(batches, 'all')).toMatchObject({ shape: [5], rows: [] })
  })

  it('asks for heavy columns, and makes a heavy one of them', async () => {
    const marked = batchOf([
      int32Column('n', [1]),
      { field: heavy(grid), vector: vectorFromArray([[1, 2, 3, 4]], grid.type) },
    ])
    const { flow, asked } = askable([marked])
    const [out] = (await gather(flow.pipe(both), { columns: ['all'] })).batches
    expect(asked).toEqual(['all', 'n', 'grid'])
    expect(out?.schema.fields.map((f) => [f.name, isHeavy(f)])).toEqual([
      ['n', false],
      ['all', true],
    ])
  })

  it('refuses columns that are missing, no numbers, or of two types', async () => {
    const double = new Float64()
    const input = batchOf([
      textColumn('id', ['a']),
      int32Column('n', [1]),
      { field: new Field('x', double, true), vector: vectorFromArray([1], double) },
    ])
    const refused = (columns: string[]) =>
      gather(flowOf([input]).pipe(concatenate({ columns, into: 'all' })))
    await expect(refused(['m'])).rejects.toThrow('Expected column `m` for concatenate')
    await expect(refused(['n', 'id'])).rejects.toThrow(
      'Expected column `id` of concatenate to be numbers or tensors of them, got Utf8',
    )
    await expect(refused(['n', 'x'])).rejects.toThrow(
      'Expected column `x` of concatenate to have values of Int32 like `n`, got Float64: cast one of them',
    )
  })

  it.each([{ columns: [], into: 'x' }, { columns: ['n'] }, { columns: ['n'], into: 'x', dim: 1 }])(
    'refuses %o',
    (options) => {
      expect(() => concatenate(options as never)).toThrow(OptionError)
    },
  )
})
