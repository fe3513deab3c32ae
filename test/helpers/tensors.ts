import {
  type DataType,
  type Field,
  type FixedSizeList,
  Float32,
  type RecordBatch,
  vectorFromArray,
} from 'apache-arrow'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { fixedShapeTensor, tensorShape } from '../../src/batch/tensor.ts'
import { plainValues } from './every-type.ts'

/** Tensors of one shape, row-major; null is a row without one. */
export type Tensors = readonly (readonly (number | bigint)[] | null)[]

/** A batch of `id` (0, 1 …) and a column of tensors. */
export function tensorBatch(
  column: string,
  shape: readonly number[],
  rows: Tensors,
  value: DataType = new Float32(),
): RecordBatch {
  const field = fixedShapeTensor(column, shape, value)
  return batchOf([
    textColumn('id', [...rows.keys()].map(String)),
    { field, vector: vectorFromArray(rows as unknown[], field.type) },
  ])
}

/** What a column of tensors holds, over all batches. */
export function tensorsIn(batches: readonly RecordBatch[], column: string) {
  const [field] = batches.flatMap(({ schema }) => schema.fields.filter((f) => f.name === column))
  if (!field) throw new Error('Expected a column')
  return {
    shape: tensorShape(field),
    type: String((field as Field<FixedSizeList>).type.valueType),
    rows: batches.flatMap((batch) => plainValues(batch.getChild(column) as never)),
  }
}

/** `batch` in batches of `size` rows, with one without rows between the first and the second. */
export function cutInto(batch: RecordBatch, size: number): RecordBatch[] {
  const parts: RecordBatch[] = []
  for (let row = 0; row < batch.numRows; row += size)
    parts.push(batch.slice(row, Math.min(batch.numRows, row + size)))
  return [...parts.slice(0, 1), batch.slice(0, 0), ...parts.slice(1)]
}
