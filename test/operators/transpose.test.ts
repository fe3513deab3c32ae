import { Field, FixedSizeList, Float32, Int64, vectorFromArray } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { transpose } from '../../operators/transpose.ts'
import { batchOf } from '../../src/batch/batch.ts'
import { heavy, isHeavy } from '../../src/batch/schema.ts'
import { OptionError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { gather } from '../helpers/pictures.ts'
import { cutInto, tensorBatch, tensorsIn } from '../helpers/tensors.ts'

const counted = (from: number, length: number) => Array.from({ length }, (_, i) => from + i)
const batch = tensorBatch('embedding', [2, 3], [counted(1, 6), null, counted(11, 6)])

describe('transpose', () => {
  it.each([1, 2, 3])('turns matrices, in batches of %i', async (size) => {
    const { batches } = await gather(flowOf(cutInto(batch, size)).pipe(transpose({ axes: [1, 0] })))
    expect(tensorsIn(batches, 'embedding')).toEqual({
      shape: [3, 2],
      type: 'Float32',
      rows: [[1, 4, 2, 5, 3, 6], null, [11, 14, 12, 15, 13, 16]],
    })
  })

  // numpy.arange(24).reshape(2, 3, 4).transpose(axes).ravel()
  const cases = [
    { axes: [0, 1, 2], shape: [2, 3, 4], first: [0, 1, 2, 3, 4, 5] },
    { axes: [0, 2, 1], shape: [2, 4, 3], first: [0, 4, 8, 1, 5, 9] },
    { axes: [1, 2, 0], shape: [3, 4, 2], first: [0, 12, 1, 13, 2, 14] },
    { axes: [2, 0, 1], shape: [4, 2, 3], first: [0, 4, 8, 12, 16, 20] },
    { axes: [2, 1, 0], shape: [4, 3, 2], first: [0, 12, 4, 16, 8, 20] },
  ]
  it.each(cases)('puts three axes into the order $axes', async ({ axes, shape, first }) => {
    const input = tensorBatch('embedding', [2, 3, 4], [counted(0, 24), counted(100, 24)])
    const out = tensorsIn(
      (await gather(flowOf([input]).pipe(transpose({ axes })))).batches,
      'embedding',
    )
    const [one, two] = out.rows as number[][]
    expect(out.shape).toEqual(shape)
    expect(one?.slice(0, 6)).toEqual(first)
    expect(two).toEqual(one?.map((value) => value + 100))
  })

  it('is undone by the order the other way round, whatever the values are', async () => {
    const input = tensorBatch('t', [2, 1, 2], [[1n, 2n ** 60n, -3n, 4n], null], new Int64())
    const there = transpose({ column: 't', axes: [1, 2, 0] })
    const back = transpose({ column: 't', axes: [2, 0, 1] })
    const { batches } = await gather(flowOf([input]).pipe(there, back))
    expect(tensorsIn(batches, 't')).toEqual(tensorsIn([input], 't'))
  })

  it('copies nothing where the order is that of the input, and keeps metadata', async () => {
    const [id, field] = batch.schema.fields as [Field, Field]
    const marked = batchOf([
      { field: id, vector: batch.getChildAt(0) as never },
      { field: heavy(field), vector: batch.getChildAt(1) as never },
    ])
    const [same] = (await gather(flowOf([marked]).pipe(transpose({ axes: [0, 1] })))).batches
    expect(same?.data.children[1]).toBe(marked.data.children[1])
    const [turned] = (await gather(flowOf([marked]).pipe(transpose({ axes: [1, 0] })))).batches
    expect(turned?.schema.fields.map(isHeavy)).toEqual([false, true])
  })

  it('keeps nulls among the values', async () => {
    const type = new FixedSizeList(2, new Field('item', new Float32(), true))
    const vector = vectorFromArray([[1, null]], type)
    const metadata = new Map([
      ['ARROW:extension:name', 'arrow.fixed_shape_tensor'],
      ['ARROW:extension:metadata', '{"shape":[2,1]}'],
    ])
    const input = batchOf([{ field: new Field('embedding', type, true, metadata), vector }])
    const { batches } = await gather(flowOf([input]).pipe(transpose({ axes: [1, 0] })))
    expect(tensorsIn(batches, 'embedding')).toMatchObject({ shape: [1, 2], rows: [[1, null]] })
  })

  it.each([[[0]], [[0, 2]], [[0, 1, 2]]])('refuses axes %o of a matrix', async (axes) => {
    const message = `Expected column \`embedding\` of transpose to have the axes ${axes.join(', ')}, got shape [2, 3]`
    const out = flowOf(flowOf([batch]).pipe(transpose({ axes })))
    await expect(gather(out)).rejects.toThrow(message)
  })

  it('refuses another type, and bad options', async () => {
    await expect(
      gather(flowOf([batch]).pipe(transpose({ axes: [0], column: 'id' }))),
    ).rejects.toThrow('Expected column `id` of transpose to be tensor, got Utf8')
    expect(() => transpose({ axes: [0, 0] })).toThrow(OptionError)
    expect(() => transpose({ axes: [1, 0], order: 'F' } as never)).toThrow(OptionError)
  })
})
