import { describe, expect, it } from 'vitest'
import { gamma } from '../../operators/gamma.ts'
import { OptionError } from '../../src/errors.ts'
import { mapped } from '../../src/kernels/pixels.ts'
import { makesPictures } from '../helpers/picture-operators.ts'
import { bytes, numbers, picture } from '../helpers/pixel-numbers.ts'

describe('gamma', () => {
  const [root] = numbers.gamma.filter((row) => row.gamma === 0.5)
  const rounded = mapped(picture, bytes(root?.nearest ?? ''))
  makesPictures('gamma', gamma({ gamma: 0.5, onError: 'reject' }), rounded)

  describe('with floor', () => {
    const cut = mapped(picture, bytes(root?.floor ?? ''))
    makesPictures('gamma', gamma({ gamma: 0.5, rounding: 'floor', onError: 'reject' }), cut)
  })

  it('refuses bad options at the call', () => {
    expect(() => gamma({ gamma: 0 })).toThrow(
      'Expected option `gamma` to be a number from 0.01 to 100, got `0` (number)',
    )
    expect(() => gamma({ gamma: 1, rounding: 'ceil' as never })).toThrow(
      "Expected option `rounding` to be one of 'nearest', 'floor', got `ceil` (string)",
    )
    expect(() => gamma({ gamma: 1, onError: true as never })).toThrow(OptionError)
    expect(() => gamma({ gamma: 1, round: 'floor' } as never)).toThrow(OptionError)
  })
})
