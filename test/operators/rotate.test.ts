import { describe, expect, it } from 'vitest'
import { rotate } from '../../operators/rotate.ts'
import { OptionError } from '../../src/errors.ts'
import { makesPictures } from '../helpers/picture-operators.ts'
import { bytes, numbers } from '../helpers/pixel-numbers.ts'

describe('rotate', () => {
  const [same] = numbers.rotate.filter(({ degrees }) => degrees === -100.5)
  const [larger] = numbers.rotate.filter(({ expand, degrees }) => expand && degrees === 30)
  for (const given of [same, larger])
    if (given)
      describe(given.expand ? 'with expand' : 'without expand', () => {
        const { degrees, fill, expand, width, height, pixels } = given
        const operator = rotate({ degrees, fill, expand, onError: 'reject' })
        makesPictures('rotate', operator, { width, height, data: bytes(pixels) })
      })

  it('refuses bad options at the call', () => {
    expect(() => rotate({ degrees: 361 })).toThrow(
      'Expected option `degrees` to be a number from -360 to 360, got `361` (number)',
    )
    expect(() => rotate({ degrees: 1, fill: 'red' })).toThrow(OptionError)
    expect(() => rotate({ degrees: 1, expand: 'yes' as never })).toThrow(
      'Expected option `expand` to be true or false, got `yes` (string)',
    )
    expect(() => rotate({ degree: 1 } as never)).toThrow('did you mean `degrees`?')
  })
})
