import type { RecordBatch } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { decode } from '../../operators/decode.ts'
import { resize, type ResizeOptions } from '../../operators/resize.ts'
import { batchOf, column, textColumn } from '../../src/batch/batch.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { type Pixels, pixelsAt, pixelsColumn, pixelsField } from '../../src/pictures/pixels.ts'
import type { OnError } from '../../src/tasks/row-tasks.ts'
import { tensorShape } from '../../src/batch/tensor.ts'
import { gather, noise, pictureBatches, plain } from '../helpers/pictures.ts'

function columnIn(batch: RecordBatch | undefined) {
  const field = batch?.schema.fields.find((f) => f.name === 'pixels')
  if (!batch || !field) throw new Error('Expected pixels')
  return { field, vector: column(batch, 'pixels') }
}

async function resized(image: Uint8Array, options: ResizeOptions) {
  const flow = flowOf(pictureBatches({ x: image })).pipe(decode(), resize(options))
  const { field, vector } = columnIn((await gather(flow)).batches[0])
  return { field, pixels: pixelsAt(field, vector, 0) as Pixels }
}

/** How many pixels are black. */
function blacks({ data }: Pixels): number {
  let count = 0
  for (let i = 0; i < data.length; i += 3) if (data[i] === 0 && data[i + 1] === 0) count++
  return count
}

describe('resize', () => {
  const cases = [
    { fit: 'fill', size: [20, 10], black: 0 },
    { fit: 'cover', size: [20, 10], black: 0 },
    { fit: 'contain', size: [20, 10], black: 100 },
    { fit: 'inside', size: [10, 10], black: 0 },
  ] as const
  it.each(cases)('fits a square into 20 × 10 by $fit', async ({ fit, size, black }) => {
    const { pixels } = await resized(await plain(40, 40).png().toBuffer(), {
      width: 20,
      height: 10,
      fit,
    })
    expect([pixels.width, pixels.height]).toEqual(size)
    expect(blacks(pixels)).toBe(black)
    expect([...pixels.data.subarray(3 * 8, 3 * 9)]).toEqual([200, 100, 50])
  })

  it('declares one shape, unless the fit gives many', async () => {
    const image = await plain(40, 40).png().toBuffer()
    const { field } = await resized(image, { width: 20, height: 10 })
    expect(tensorShape(field)).toEqual([10, 20, 3])
    expect(field.metadata.get('ARROW:extension:name')).toBe('arrow.fixed_shape_tensor')
    const inside = await resized(image, { width: 20, height: 10, fit: 'inside' })
    expect(inside.field.metadata.get('ARROW:extension:name')).toBe('arrow.variable_shape_tensor')
  })

  it('reduces as sharp does, with the kernel asked for', async () => {
    const image = await noise(64, 48).png().toBuffer()
    for (const kernel of ['nearest', 'lanczos3'] as const) {
      const { pixels } = await resized(image, { width: 16, height: 12, kernel })
      const direct = await noise(64, 48)
        .resize({ width: 16, height: 12, fit: 'fill', kernel })
        .raw()
        .toBuffer()
      expect(Buffer.from(pixels.data).equals(direct)).toBe(true)
    }
  })

  it('keeps the width and height of the original', async () => {
    const flow = flowOf(pictureBatches({ x: await plain(40, 30).png().toBuffer() })).pipe(
      decode(),
      resize({ width: 8, height: 8 }),
    )
    const [batch] = (await gather(flow, { columns: [] })).batches
    expect(batch?.get(0)?.toJSON()).toMatchObject({ width: 40, height: 30 })
  })

  it('takes pixels that come from another chain', async () => {
    const images = {
      a: await noise(30, 20).png().toBuffer(),
      b: await noise(9, 40, 2).png().toBuffer(),
    }
    const { batches } = await gather(flowOf(pictureBatches(images)).pipe(decode()))
    const apart = (await gather(flowOf(batches).pipe(resize({ width: 8, height: 8 })))).batches
    const fused = (
      await gather(flowOf(pictureBatches(images)).pipe(decode(), resize({ width: 8, height: 8 })))
    ).batches
    for (const row of [0, 1]) {
      const [one, two] = [apart[0], fused[0]].map(columnIn)
      expect(one && pixelsAt(one.field, one.vector, row)).toEqual(
        two && pixelsAt(two.field, two.vector, row),
      )
    }
    const again = (await gather(flowOf(apart).pipe(resize({ width: 4, height: 4 })))).batches
    expect(tensorShape(columnIn(again[0]).field)).toEqual([4, 4, 3])
  })

  it('fails for a row without pixels, makes it a reject, or leaves it out', async () => {
    const field = pixelsField('pixels')
    const pixels = { data: new Uint8Array(12), width: 2, height: 2 }
    const rows = [batchOf([textColumn('id', ['a', 'b']), pixelsColumn(field, [pixels, null])])]
    const size = { width: 1, height: 1 }
    const result = async (onError: OnError) =>
      gather(flowOf(rows).pipe(resize({ ...size, onError })))
    await expect(gather(flowOf(rows).pipe(resize(size)))).rejects.toThrow(
      'Expected a picture in column `pixels`, got null (resize of `b`)',
    )
    const { batches, rejects } = await result('reject')
    expect(batches.map(({ numRows }) => numRows)).toEqual([1])
    expect(rejects).toMatchObject([{ id: 'b', operator: 'resize', code: 'MISSING' }])
    expect((await result('drop')).rejects).toEqual([])
  })

  it('refuses bad options at the call, and a flow without pictures', async () => {
    expect(() => resize({ width: 0, height: 1 })).toThrow(OptionError)
    expect(() => resize({ width: 1, height: 1, fit: 'filll' as never })).toThrow(
      "Expected option `fit` to be one of 'fill', 'cover', 'contain', 'inside', got `filll` (string); did you mean `fill`?",
    )
    const batches = pictureBatches({ x: new Uint8Array(1) })
    await expect(gather(flowOf(batches).pipe(resize({ width: 1, height: 1 })))).rejects.toThrow(
      SchemaError,
    )
  })
})
