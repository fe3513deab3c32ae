import { describe, expect, it } from 'vitest'
import { blur } from '../../../operators/blur.ts'
import { contrast } from '../../../operators/contrast.ts'
import { crop } from '../../../operators/crop.ts'
import { decode } from '../../../operators/decode.ts'
import { gamma } from '../../../operators/gamma.ts'
import { grayscale } from '../../../operators/grayscale.ts'
import { resize } from '../../../operators/resize.ts'
import { rotate } from '../../../operators/rotate.ts'
import { batchOf, binaryColumn, textColumn } from '../../../src/batch/batch.ts'
import { DataError, OptionError, SchemaError } from '../../../src/errors.ts'
import { flowOf } from '../../../src/flow/flow.ts'
import { blurred, gaussianKernel } from '../../../src/kernels/blur.ts'
import { cut } from '../../../src/kernels/cut.ts'
import { gray } from '../../../src/kernels/luma.ts'
import { mapped } from '../../../src/kernels/pixels.ts'
import { turned } from '../../../src/kernels/rotate.ts'
import { contrasted, gammaTable } from '../../../src/kernels/tone.ts'
import { pictureTask } from '../../../src/tasks/picture-task.ts'
import { TaskFlow } from '../../../src/tasks/row-tasks.ts'
import { gather, noise, picturesIn, pictureBatches, pixelBatches } from '../../helpers/pictures.ts'
import { picture } from '../../helpers/pixel-numbers.ts'
import { countsOf } from '../../helpers/runs.ts'

describe('pictureTask', () => {
  it('fuses with those before and after it: one thread takes a picture through all', async () => {
    const image = await noise(13, 9).png().toBuffer()
    const flow = flowOf(
      flowOf(pictureBatches({ a: image, none: null })).pipe(
        decode({ onError: 'drop' }),
        grayscale(),
        contrast({ factor: 2 }),
        gamma({ gamma: 0.5 }),
        blur({ sigma: 1 }),
        rotate({ degrees: 90, expand: true }),
        crop({ width: 7, height: 11 }),
      ),
    )
    expect(flow instanceof TaskFlow && flow.chain.stages).toHaveLength(7)
    const { batches, run } = await gather(flow)
    const data = new Uint8Array(await noise(13, 9).raw().toBuffer())
    const toned = contrasted(gray({ data, width: 13, height: 9 }), 2)
    const soft = blurred(mapped(toned, gammaTable(0.5, 'nearest')), gaussianKernel(1))
    const high = turned(soft, { degrees: 90, expand: true, fill: [0, 0, 0] })
    expect([high.width, high.height]).toEqual([9, 13])
    expect(picturesIn(batches)).toEqual({
      a: cut(high, { left: 1, top: 1, width: 7, height: 11 }),
    })
    const counts = countsOf(run)
    expect(counts['decode']).toEqual({ rowsIn: 2, rowsKept: 1, rejected: 0, dropped: 1 })
    expect(counts['crop']).toEqual({ rowsIn: 1, rowsKept: 1, rejected: 0, dropped: 0 })
  })

  it('fails by default, and drops where it is told to', async () => {
    const pictures = { none: null }
    await expect(gather(flowOf(pixelBatches(pictures)).pipe(grayscale()))).rejects.toThrow(
      new DataError('Expected a picture in column `pixels`, got null (grayscale of `none`)', {
        url: 'none',
      }),
    )
    const resized = resize({ width: 2, height: 2, onError: 'drop' })
    const { rejects, run } = await gather(flowOf(pixelBatches(pictures)).pipe(resized))
    expect(rejects).toEqual([])
    expect(countsOf(run)['resize']).toMatchObject({ rowsKept: 0, dropped: 1 })
  })

  it('rejects a picture that has other values than its size says', async () => {
    const pictures = {
      short: { ...picture, height: 10 },
      huge: { ...picture, width: 2 ** 31 - 1, height: 2 ** 31 - 1 },
      none: { data: new Uint8Array(), width: 0, height: 0 },
      turned: { data: new Uint8Array(3), width: -1, height: -1 },
      whole: picture,
    }
    const flow = flowOf(pixelBatches(pictures)).pipe(blur({ sigma: 1, onError: 'reject' }))
    const { batches, rejects } = await gather(flow)
    expect(Object.keys(picturesIn(batches))).toEqual(['whole'])
    expect(rejects.map(({ id, code }) => [id, code])).toEqual(
      ['short', 'huge', 'none', 'turned'].map((id) => [id, 'DAMAGED']),
    )
    expect(rejects[0]?.message).toBe('Expected 13 × 10 pixels of 3 values, got 351 values')
  })

  it('passes a batch without rows, with the columns of the others', async () => {
    const [batch] = pixelBatches({ a: picture })
    const empty = batch?.slice(0, 0)
    const { batches } = await gather(flowOf([empty]).pipe(crop({ width: 2, height: 3 }) as never))
    expect(batches.map(({ numRows }) => numRows)).toEqual([0])
    expect(String(batches[0]?.schema.fields[1]?.type)).toBe('FixedSizeList[18]<Uint8>')
  })

  it('reads pictures, or a column of encoded ones', async () => {
    const about = { name: 'x', options: {}, onError: undefined }
    const batch = batchOf([textColumn('id', ['a']), binaryColumn('image', [null])])
    const flow = flowOf([batch])
    await expect(gather(flow.pipe(pictureTask(about)))).rejects.toThrow(SchemaError)
    const encoded = flowOf(flow.pipe(pictureTask({ ...about, encoded: 'image' })))
    expect(encoded.info.reads).toEqual(['image'])
    const text = flow.pipe(pictureTask({ ...about, encoded: 'id' }))
    await expect(gather(text)).rejects.toThrow('Expected column `id` of x to be binary, got Utf8')
  })

  it('checks `onError` at the call', () => {
    const spec = { name: 'x', options: {}, onError: 'skip' as never }
    expect(() => pictureTask(spec)).toThrow(OptionError)
  })
})
