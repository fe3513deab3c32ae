import { describe, expect, it } from 'vitest'
import { contrast } from '../../operators/contrast.ts'
import { OptionError } from '../../src/errors.ts'
import { luma } from '../../src/kernels/luma.ts'
import { makesPictures } from '../helpers/picture-operators.ts'
import { picture } from '../helpers/pixel-numbers.ts'

describe('contrast', () => {
  const values = luma(picture)
  const mean = Math.round(values.reduce((a, b) => a + b) / values.length)
  // A factor at which no result lies between two whole numbers.
  const data = picture.data.map((v) => Math.min(255, Math.max(0, mean + 2 * (v - mean))))
  makesPictures('contrast', contrast({ factor: 2, onError: 'reject' }), { ...picture, data })

  it('refuses bad options at the call', () => {
    expect(() => contrast({ factor: -1 })).toThrow(
      'Expected option `factor` to be a number from 0 to 100, got `-1` (number)',
    )
    expect(() => contrast({} as never)).toThrow(OptionError)
    expect(() => contrast({ factr: 1 } as never)).toThrow('did you mean `factor`?')
  })
})
