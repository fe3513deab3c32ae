import { describe, expect, it } from 'vitest'
import { crop } from '../../operators/crop.ts'
import { OptionError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { cut } from '../../src/kernels/cut.ts'
import { makesPictures } from '../helpers/picture-operators.ts'
import { gather, picturesIn, pixelBatches } from '../helpers/pictures.ts'
import { grayPixels, picture, reds } from '../helpers/pixel-numbers.ts'

const small = grayPixels(4, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])

describe('crop', () => {
  const box = { left: 2, top: 1, width: 5, height: 4 }
  makesPictures('crop', crop({ ...box, onError: 'reject' }), cut(picture, box))

  it('takes the middle, and rejects a picture that does not hold the box', async () => {
    const pictures = { picture, small, narrow: grayPixels(2, [1, 2, 3, 4]) }
    const flow = flowOf(pixelBatches(pictures))
    const { batches, rejects } = await gather(
      flow.pipe(crop({ width: 3, height: 2, onError: 'reject' })),
    )
    expect(picturesIn(batches)).toEqual({
      picture: cut(picture, { left: 5, top: 3, width: 3, height: 2 }),
      small: grayPixels(3, [1, 2, 3, 5, 6, 7]),
    })
    const message = 'Expected a picture that holds 3 × 2 pixels from -1, 0 on, got 2 × 2'
    expect(rejects).toMatchObject([{ id: 'narrow', code: 'OUTSIDE', message }])
  })

  it('fills what is outside, where it is told to', async () => {
    const flow = flowOf(pixelBatches({ small }))
    const filled = crop({ left: 2, top: 2, width: 3, height: 2, fill: '#090909' })
    const { batches } = await gather(flow.pipe(filled))
    expect(reds(picturesIn(batches)['small'] ?? small)).toEqual([
      [11, 12, 9],
      [9, 9, 9],
    ])
  })

  it('refuses bad options at the call', () => {
    expect(() => crop({ width: 0, height: 1 })).toThrow(OptionError)
    expect(() => crop({ width: 1, height: 1, left: 1 })).toThrow(
      'Expected option `top` beside `left`, or neither for the middle',
    )
    expect(() => crop({ width: 1, height: 1, top: 1 })).toThrow('Expected option `left`')
    expect(() => crop({ width: 1, height: 1, left: -1, top: 0 })).toThrow(OptionError)
    expect(() => crop({ width: 1, height: 1, fill: 'black' })).toThrow(OptionError)
    expect(() => crop({ widht: 1, height: 1 } as never)).toThrow('did you mean `width`?')
  })
})
