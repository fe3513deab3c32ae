import { type DataType, Float16, Float32, Float64, Int16, Uint16, Uint8 } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { isSamples, samplesAt } from '../../../src/pictures/samples.ts'
import { tensors } from '../../helpers/sample-tensors.ts'

const data = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]

describe('samplesAt', () => {
  it.each([
    [new Uint8(), Uint8Array],
    [new Uint16(), Uint16Array],
    [new Float32(), Float32Array],
    [new Float64(), Float64Array],
  ])('reads tensors of %s, with channels and without', (type, Values) => {
    for (const shape of [
      [2, 3, 2],
      [3, 4],
    ])
      for (const { field, vector } of tensors(type, data, shape)) {
        const [height, width, channels = 1] = shape
        expect(isSamples(field)).toBe(true)
        expect(samplesAt(field, vector, 1)).toBeNull()
        const found = samplesAt(field, vector.slice(1), 1)
        expect(found).toEqual({ data: Values.from(data), height, width, channels })
        expect(found?.data).toBeInstanceOf(Values)
      }
  })
})

describe('isSamples', () => {
  it.each<[DataType, number[]]>([
    [new Float16(), [2, 3, 2]],
    [new Int16(), [2, 3, 2]],
    [new Uint8(), [12]],
    [new Uint8(), [1, 2, 3, 2]],
  ])('refuses %s of shape %o', (type, shape) => {
    for (const { field } of tensors(type, data, shape)) expect(isSamples(field)).toBe(false)
  })
})
