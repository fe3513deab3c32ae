import type { Field, RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { column as columnAt, withColumns } from '../src/batch/batch.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, nonEmptyString, oneOf } from '../src/options.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { reshaped, tensorShape } from '../src/batch/tensor.ts'
import { transposed } from '../src/batch/transposed.ts'

/** Options of {@link flatten}. */
export interface FlattenOptions {
  /**
   * Column of tensors.
   *
   * @default 'embedding'
   */
  readonly column?: string
  /**
   * The order of the values: row-major (`C`), the last axis runs fastest, or column-major (`F`), the first does.
   *
   * @default 'C'
   */
  readonly order?: FlattenOrder
}

/** Orders of {@link flatten}. */
export type FlattenOrder = (typeof orders)[number]

const orders = ['C', 'F'] as const

/**
 * Makes each tensor a vector of the same values.
 *
 * - Rows: n to n; nothing is copied in row-major order, in which tensors lie.
 * - Columns: `column`, of any fixed shape → one dimension, same type of values.
 * - Nulls: stay.
 *
 * @throws {OptionError} at the call, if an option is unknown or none of the choices
 * @throws {SchemaError} if the column is missing or no tensor of fixed shape
 * @example
 * flow.pipe(flatten({ order: 'F' })) // [[1, 2, 3], [4, 5, 6]]  =>  [1, 4, 2, 5, 3, 6]
 */
export function flatten(options: FlattenOptions = {}): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('flatten', options, ['column', 'order'])
  const column = nonEmptyString('column', options.column ?? 'embedding')
  const order = oneOf('order', options.order ?? 'C', orders)

  return operate<RecordBatch, RecordBatch>({
    name: 'flatten',
    reads: [column],
    schema: (input) => schemaWith(input, [flat(input, column)]),
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        const field = tensorField(batch.schema, column)
        const axes = [...tensorShape(field).keys()]
        const given = { field, vector: columnAt(batch, column) }
        const { vector } = transposed(given, order === 'F' ? axes.reverse() : axes)
        yield withColumns(batch, [{ field: flat(batch.schema, column), vector }])
      },
    }),
    settings: { column, order },
  })
}

function flat(schema: Schema, column: string): Field {
  const field = tensorField(schema, column)
  return reshaped(field, [tensorShape(field).reduce((product, side) => product * side, 1)])
}

function tensorField(schema: Schema, column: string): Field {
  return requireField(schema, column, { owner: 'flatten', kind: 'tensor' })
}
