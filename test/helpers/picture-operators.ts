import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { expect, it } from 'vitest'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { type Pixels, pictureSize } from '../../src/pictures/pixels.ts'
import { gather, picturesIn, pixelBatches } from './pictures.ts'
import { picture } from './pixel-numbers.ts'
import { countsOf } from './runs.ts'

/**
 * Tests that hold for each operator that makes a picture of a picture: `operator` with `onError: 'reject'`, and
 * what it makes of the picture of the fixture.
 */
export function makesPictures(
  name: string,
  operator: OperatorFunction<RecordBatch, RecordBatch>,
  expected: Pixels,
): void {
  it('makes the same of batches of any size and of a column of one size or many', async () => {
    const pictures = { a: picture, none: null, c: picture }
    const one = { width: picture.width, height: picture.height }
    for (const options of [{ size: 3 }, { size: 1, of: one }]) {
      const flow = flowOf(pixelBatches(pictures, options)).pipe(operator)
      const { batches, rejects, run } = await gather(flow)
      expect(picturesIn(batches)).toEqual({ a: expected, c: expected })
      const message = 'Expected a picture in column `pixels`, got null'
      expect(rejects).toEqual([
        { id: 'none', operator: name, code: 'MISSING', message, attempt: 1 },
      ])
      expect(countsOf(run)[name]).toEqual({ rowsIn: 3, rowsKept: 2, rejected: 1, dropped: 0 })
      const field = batches[0]?.schema.fields.find((f) => f.name === 'pixels')
      if ('of' in options)
        expect(field && pictureSize(field)).toEqual({
          width: expected.width,
          height: expected.height,
        })
    }
  })

  it('asks for pictures, and for ids', async () => {
    const texts = batchOf([textColumn('id', ['a']), textColumn('pixels', ['b'])])
    for (const batch of [texts, batchOf([textColumn('id', ['a'])])])
      await expect(gather(flowOf([batch]).pipe(operator))).rejects.toThrow(SchemaError)
  })
}
