import { describe, expect, it } from 'vitest'
import { grayscale } from '../../operators/grayscale.ts'
import { OptionError } from '../../src/errors.ts'
import { makesPictures } from '../helpers/picture-operators.ts'
import { bytes, grayPixels, numbers, picture } from '../helpers/pixel-numbers.ts'

describe('grayscale', () => {
  const gray = grayPixels(picture.width, [...bytes(numbers.gray.pillow)])
  makesPictures('grayscale', grayscale({ onError: 'reject' }), gray)

  it('refuses bad options at the call', () => {
    expect(() => grayscale({ onError: 'no' as never })).toThrow(OptionError)
    expect(() => grayscale({ onErorr: 'drop' } as never)).toThrow('did you mean `onError`?')
  })
})
