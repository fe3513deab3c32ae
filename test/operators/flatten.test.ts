import { Field, FixedSizeList, Float32, Uint8, vectorFromArray } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { flatten } from '../../operators/flatten.ts'
import { batchOf, emptyBatch } from '../../src/batch/batch.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { gather } from '../helpers/pictures.ts'
import { cutInto, tensorBatch, tensorsIn } from '../helpers/tensors.ts'

const counted = (from: number, length: number) => Array.from({ length }, (_, i) => from + i)
const batch = tensorBatch('embedding', [2, 3], [counted(1, 6), null, counted(11, 6)])

describe('flatten', () => {
  const cases = [
    { order: 'C', rows: [[1, 2, 3, 4, 5, 6], null, [11, 12, 13, 14, 15, 16]] },
    { order: 'F', rows: [[1, 4, 2, 5, 3, 6], null, [11, 14, 12, 15, 13, 16]] },
  ] as const
  for (const { order, rows } of cases)
    it.each([1, 2, 3])(`makes vectors in order ${order}, of batches of %i`, async (size) => {
      const { batches } = await gather(flowOf(cutInto(batch, size)).pipe(flatten({ order })))
      expect(tensorsIn(batches, 'embedding')).toEqual({ shape: [6], type: 'Float32', rows })
    })

  it('takes the last axis last in order F, of three axes and other values', async () => {
    const input = tensorBatch('pixels', [2, 2, 2], [counted(0, 8)], new Uint8())
    const { batches } = await gather(
      flowOf([input]).pipe(flatten({ column: 'pixels', order: 'F' })),
    )
    expect(tensorsIn(batches, 'pixels')).toEqual({
      shape: [8],
      type: 'Uint8',
      rows: [[0, 4, 2, 6, 1, 5, 3, 7]],
    })
  })

  it('copies nothing in order C, and says the new shape', async () => {
    const [out] = (await gather(flowOf([batch]).pipe(flatten()))).batches
    expect(out?.data.children[1]).toBe(batch.data.children[1])
    expect(out?.schema.fields[1]?.metadata.get('ARROW:extension:metadata')).toBe('{"shape":[6]}')
  })

  it.each(['C', 'F'] as const)('passes a batch without rows in order %s', async (order) => {
    const none = flowOf([emptyBatch(batch.schema)]).pipe(flatten({ order }))
    expect(tensorsIn((await gather(none)).batches, 'embedding')).toMatchObject({
      shape: [6],
      rows: [],
    })
  })

  it('takes a plain list of fixed size, and refuses other columns', async () => {
    const type = new FixedSizeList(2, new Field('item', new Float32(), false))
    const vector = vectorFromArray([[1, 2]], type)
    const plain = batchOf([{ field: new Field('embedding', type, true), vector }])
    const { batches } = await gather(flowOf([plain]).pipe(flatten({ order: 'F' })))
    expect(tensorsIn(batches, 'embedding')).toMatchObject({ shape: [2], rows: [[1, 2]] })
    const text = flowOf([batch]).pipe(flatten({ column: 'id' }))
    await expect(gather(text)).rejects.toThrow(SchemaError)
  })

  it('refuses another order', () => {
    expect(() => flatten({ order: 'A' as never })).toThrow(
      new OptionError(
        "Expected option `order` to be one of 'C', 'F', got `A` (string); did you mean `C`?",
      ),
    )
  })
})
