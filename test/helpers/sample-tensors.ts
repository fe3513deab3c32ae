import {
  type DataType,
  Field,
  FixedSizeList,
  Int32,
  List,
  Struct,
  vectorFromArray,
} from 'apache-arrow'
import type { Column } from '../../src/batch/batch.ts'
import { fixedShapeTensor } from '../../src/batch/tensor.ts'

/** Columns `x` of tensors: of one shape, and of varying shape. The second of three rows is null, the others are `data`. */
export function tensors(
  type: DataType,
  data: readonly number[],
  shape: readonly number[],
): readonly [fixed: Column, varying: Column] {
  const parts = new Struct([
    new Field('data', new List(new Field('item', type, false)), false),
    new Field(
      'shape',
      new FixedSizeList(shape.length, new Field('item', new Int32(), false)),
      false,
    ),
  ])
  const metadata = new Map([['ARROW:extension:name', 'arrow.variable_shape_tensor']])
  const varying = new Field('x', parts, true, metadata)
  const value = { data, shape }
  return [columnOf(fixedShapeTensor('x', shape, type), data), columnOf(varying, value)]
}

function columnOf(field: Field, value: unknown): Column {
  return { field, vector: vectorFromArray([value, null, value], field.type as DataType) }
}
