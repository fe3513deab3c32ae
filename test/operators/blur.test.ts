import { describe, expect, it } from 'vitest'
import { blur } from '../../operators/blur.ts'
import { OptionError } from '../../src/errors.ts'
import { makesPictures } from '../helpers/picture-operators.ts'
import { bytes, numbers, picture } from '../helpers/pixel-numbers.ts'

describe('blur', () => {
  for (const { sigma, pixels } of numbers.blur.slice(1, 2))
    makesPictures('blur', blur({ sigma, onError: 'reject' }), { ...picture, data: bytes(pixels) })

  it('refuses bad options at the call', () => {
    expect(() => blur({ sigma: -1 })).toThrow(
      'Expected option `sigma` to be a number from 0 to 100, got `-1` (number)',
    )
    expect(() => blur({ sigma: NaN })).toThrow(OptionError)
    expect(() => blur({ sigma: 1, sigm: 2 } as never)).toThrow('did you mean `sigma`?')
    expect(() => blur({ sigma: 1, onError: 'rejct' as never })).toThrow('did you mean `reject`?')
  })
})
