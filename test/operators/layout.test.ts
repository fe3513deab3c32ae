import { Uint8 } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { layout } from '../../operators/layout.ts'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { pixelsColumn, pixelsField } from '../../src/pictures/pixels.ts'
import { gather } from '../helpers/pictures.ts'
import { cutInto, tensorBatch, tensorsIn } from '../helpers/tensors.ts'

/** Red, green and blue of 2 × 3 pixels (two high, three wide): 10 · row + column, and 100 and 200 more. */
const pixels = [0, 100, 200, 1, 101, 201, 2, 102, 202, 10, 110, 210, 11, 111, 211, 12, 112, 212]
const planes = [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112, 200, 201, 202, 210, 211, 212]
const hwc = tensorBatch('pixels', [2, 3, 3], [pixels, null, pixels.toReversed()], new Uint8())
const chw = tensorBatch('pixels', [3, 2, 3], [planes, null, planes.toReversed()], new Uint8())

describe('layout', () => {
  it.each([1, 2, 3])('makes planes of pixels and back, in batches of %i', async (size) => {
    const there = await gather(flowOf(cutInto(hwc, size)).pipe(layout({ to: 'CHW' })))
    expect(tensorsIn(there.batches, 'pixels')).toEqual(tensorsIn([chw], 'pixels'))
    const back = await gather(flowOf(cutInto(chw, size)).pipe(layout({ to: 'HWC' })))
    expect(tensorsIn(back.batches, 'pixels')).toEqual(tensorsIn([hwc], 'pixels'))
  })

  it('keeps height before width where they differ', async () => {
    const flow = flowOf(flowOf([hwc]).pipe(layout({ to: 'CHW' })))
    expect(tensorsIn((await gather(flow)).batches, 'pixels').shape).toEqual([3, 2, 3])
    const wide = tensorBatch('pixels', [1, 5, 1], [[1, 2, 3, 4, 5]], new Uint8())
    const { batches } = await gather(flowOf([wide]).pipe(layout({ to: 'CHW' })))
    expect(tensorsIn(batches, 'pixels')).toMatchObject({
      shape: [1, 1, 5],
      rows: [[1, 2, 3, 4, 5]],
    })
  })

  it('refuses pictures that are not in the other order, by their channels', async () => {
    const large = tensorBatch('pixels', [3, 8, 9], [Array<number>(216).fill(0)])
    await expect(gather(flowOf([large]).pipe(layout({ to: 'CHW' })))).rejects.toThrow(
      'Expected column `pixels` of layout to be height × width × channels, with at most 4 channels, got shape [3, 8, 9]',
    )
    const flat = tensorBatch('pixels', [6], [[1, 2, 3, 4, 5, 6]])
    await expect(gather(flowOf([flat]).pipe(layout({ to: 'HWC' })))).rejects.toThrow(
      'to be channels × height × width, with at most 4 channels, got shape [6]',
    )
  })

  it('refuses pictures of many sizes, and other columns', async () => {
    const picture = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) }
    const many = batchOf([textColumn('id', ['a']), pixelsColumn(pixelsField('pixels'), [picture])])
    await expect(gather(flowOf([many]).pipe(layout({ to: 'CHW' })))).rejects.toThrow(
      /of one size, got Struct.*: resize pictures before it$/,
    )
    const missing = flowOf([many]).pipe(layout({ to: 'CHW', column: 'picture' }))
    await expect(gather(missing)).rejects.toThrow(SchemaError)
  })

  it('refuses bad options', () => {
    expect(() => layout({ to: 'NCHW' as never })).toThrow(
      new OptionError(
        "Expected option `to` to be one of 'CHW', 'HWC', got `NCHW` (string); did you mean `CHW`?",
      ),
    )
    expect(() => layout({ to: 'CHW', from: 'HWC' } as never)).toThrow(OptionError)
  })
})
