import { Binary, type DataType, Field, Float64, Int32, Utf8 } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { fixedShapeTensor } from '../../../src/batch/tensor.ts'
import { blockSizes } from '../../../src/table/block-sizes.ts'

const mebibyte = 2 ** 20

function field(name: string, type: DataType): Field {
  return new Field(name, type, true)
}

describe('blockSizes', () => {
  it.each([
    {
      name: 'narrow columns get 4,096 rows, wide ones share the rest',
      fields: [
        field('image', new Binary()),
        field('width', new Int32()),
        field('score', new Float64()),
        fixedShapeTensor('embedding', [1792]),
      ],
      bytes: 8 * mebibyte,
      sizes: [4 * mebibyte - 24_576, 16_384, 32_768, 4 * mebibyte - 24_576],
    },
    {
      name: 'none gets more than 32 MiB or than its rows take',
      fields: [field('image', new Binary()), field('id', new Utf8())],
      bytes: 1024 * mebibyte,
      sizes: [32 * mebibyte, 262_144],
    },
    {
      name: 'all shrink where there is little',
      fields: [field('a', new Float64()), field('b', new Binary())],
      bytes: 1000,
      sizes: [500, 500],
    },
    { name: 'no column', fields: [], bytes: 1000, sizes: [] },
  ])('$name', ({ fields, bytes, sizes }) => {
    expect(blockSizes(fields, bytes)).toEqual(sizes)
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(bytes)
  })
})
