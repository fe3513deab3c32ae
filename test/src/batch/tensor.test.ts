import { Float64, FixedSizeList, Field, Int32, Uint8, vectorFromArray } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { batchOf, column, concat, int32Column, take } from '../../../src/batch/batch.ts'
import { SchemaError } from '../../../src/errors.ts'
import {
  fixedShapeTensor,
  tensorColumn,
  tensorMatrix,
  tensorShape,
  tensorValues,
} from '../../../src/batch/tensor.ts'

const values = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const batch = batchOf([tensorColumn('t', [2, 1], values)])

describe('tensorColumn', () => {
  it('is the canonical extension type over the array itself', () => {
    const [field] = batch.schema.fields
    expect(field?.metadata.get('ARROW:extension:name')).toBe('arrow.fixed_shape_tensor')
    expect(field && tensorShape(field)).toEqual([2, 1])
    expect(column(batch, 't').length).toBe(4)
    expect(tensorValues(column(batch, 't')).buffer).toBe(values.buffer)
  })
})

describe('tensorValues', () => {
  it('reads slices, taken and joined rows', () => {
    const sliced = batch.slice(1, 3)
    expect(tensorValues(column(sliced, 't'))).toStrictEqual(Float32Array.of(3, 4, 5, 6))
    expect(tensorValues(column(take(sliced, [1]), 't'))).toStrictEqual(Float32Array.of(5, 6))
    expect(tensorValues(column(concat([sliced, batch.slice(0, 1)]), 't'))).toStrictEqual(
      Float32Array.of(3, 4, 5, 6, 1, 2),
    )
    const inPieces = column(batch, 't').slice(0, 1).concat(column(batch, 't').slice(3, 4))
    expect(tensorValues(inPieces)).toStrictEqual(Float32Array.of(1, 2, 7, 8))
  })

  it('has none in an empty column', () => {
    expect(tensorValues(column(batch.slice(0, 0), 't'))).toHaveLength(0)
    expect(
      tensorValues(column(batchOf([tensorColumn('t', [3], new Float32Array(0))]), 't')),
    ).toHaveLength(0)
  })

  it('refuses what holds no float32', () => {
    expect(() => tensorValues(int32Column('a', [1]).vector)).toThrow(SchemaError)
    expect(() => tensorValues(doubles)).toThrow(SchemaError)
  })
})

const doubles = vectorFromArray(
  [
    [1, 2],
    [3, 4],
  ],
  new FixedSizeList(2, new Field('item', new Float64(), false)),
)

describe('tensorMatrix', () => {
  it('reads float64 as it is', () => {
    expect(tensorMatrix(doubles)).toEqual({
      rows: 2,
      columns: 2,
      values: Float64Array.of(1, 2, 3, 4),
    })
  })

  it('reads uint8 as float32', () => {
    const type = new FixedSizeList(2, new Field('item', new Uint8(), false))
    const pairs = vectorFromArray([Uint8Array.of(0, 1), Uint8Array.of(200, 255)], type)
    expect(tensorMatrix(pairs)).toEqual({
      rows: 2,
      columns: 2,
      values: Float32Array.of(0, 1, 200, 255),
    })
    expect(tensorMatrix(pairs.slice(1, 2)).values).toEqual(Float32Array.of(200, 255))
  })
})

describe('tensorShape', () => {
  it('takes a plain list of fixed size for one dimension', () => {
    expect(tensorShape(new Field('a', doubles.type, true))).toEqual([2])
    expect(tensorShape(fixedShapeTensor('a', []))).toEqual([])
    expect(() => tensorShape(new Field('a', new Int32(), true))).toThrow(SchemaError)
  })
})
