import { Float32, makeData, makeVector } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { pool } from '../../operators/pool.ts'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import {
  fixedShapeTensor,
  tensorColumn,
  tensorShape,
  tensorValues,
} from '../../src/batch/tensor.ts'
import { gather } from '../helpers/pictures.ts'

/** Two tensors of shape 2 × 2 × 3: 0..11 and 100..111. */
const batch = batchOf([
  textColumn('id', ['a', 'b']),
  tensorColumn(
    'embedding',
    [2, 2, 3],
    Float32Array.from([...Array(12).keys(), ...Array.from({ length: 12 }, (_, i) => 100 + i)]),
  ),
])

async function result(operator: ReturnType<typeof pool>, input = batch) {
  const [out] = (await gather(flowOf([input]).pipe(operator))).batches
  const field = out?.schema.fields.find((f) => f.name === 'embedding')
  const vector = out?.getChild('embedding')
  if (!field || !vector) throw new Error('Expected a column')
  return { field, vector, shape: tensorShape(field), values: [...tensorValues(vector)] }
}

describe('pool', () => {
  const cases = [
    { method: 'average', axes: [0, 1], shape: [3], values: [4.5, 5.5, 6.5, 104.5, 105.5, 106.5] },
    { method: 'max', axes: [0, 1], shape: [3], values: [9, 10, 11, 109, 110, 111] },
    { method: 'sum', axes: [2], shape: [2, 2], values: [3, 12, 21, 30, 303, 312, 321, 330] },
    {
      method: 'average',
      axes: [1],
      shape: [2, 3],
      values: [1.5, 2.5, 3.5, 7.5, 8.5, 9.5, 101.5, 102.5, 103.5, 107.5, 108.5, 109.5],
    },
    { method: 'sum', axes: [2, 0, 1], shape: [1], values: [66, 1266] },
  ] as const
  it.each(cases)('takes the $method over $axes', async ({ method, axes, shape, values }) => {
    const out = await result(pool({ method, axes }))
    expect(out.shape).toEqual(shape)
    expect(out.values).toEqual(values)
  })

  it('keeps nulls, and reads a sliced batch', async () => {
    const field = fixedShapeTensor('embedding', [2, 1])
    const child = makeData({
      type: new Float32(),
      length: 6,
      nullCount: 0,
      data: Float32Array.of(1, 2, 0, 0, 5, 7),
    })
    const data = makeData({
      type: field.type,
      length: 3,
      nullCount: 1,
      nullBitmap: Uint8Array.of(0b101),
      child,
    })
    const nulls = batchOf([textColumn('id', ['a', 'b', 'c']), { field, vector: makeVector(data) }])
    const out = await result(pool({ axes: [0], method: 'sum' }), nulls)
    expect([0, 1, 2].map((row) => out.vector.isValid(row))).toEqual([true, false, true])
    expect([out.values[0], out.values[2]]).toEqual([3, 12])
    expect((await result(pool({ axes: [0], method: 'sum' }), nulls.slice(2, 3))).values).toEqual([
      12,
    ])
  })

  it('gives the same for one batch and for many', async () => {
    const { batches } = await gather(
      flowOf([batch.slice(0, 1), batch.slice(1, 2)]).pipe(pool({ axes: [0, 1] })),
    )
    expect(batches.flatMap((b) => [...tensorValues(b.getChildAt(1) as never)])).toEqual(
      (await result(pool({ axes: [0, 1] }))).values,
    )
  })

  it('refuses bad options, a missing axis and another type', async () => {
    expect(() => pool({ axes: [] })).toThrow(OptionError)
    expect(() => pool({ axes: [1, 1] })).toThrow(
      'Expected option `axes` to be a non-empty list of different axes, from 0, got `1,1` (list)',
    )
    await expect(result(pool({ axes: [3] }))).rejects.toThrow(
      'Expected column `embedding` of pool to be a tensor with axis 3, got shape [2, 2, 3]',
    )
    await expect(result(pool({ axes: [0], column: 'id' }))).rejects.toThrow(SchemaError)
  })
})
