import type { Field, RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { column as columnAt, withColumns } from '../src/batch/batch.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { tensorShape } from '../src/batch/tensor.ts'
import { transposed, transposedField } from '../src/batch/transposed.ts'
import { SchemaError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import { axisList, knownOptions, nonEmptyString } from '../src/options.ts'

/** Options of {@link transpose}. */
export interface TransposeOptions {
  /** The axes, all of them, in their new order, from 0: `[2, 0, 1]` makes shape 4 × 5 × 3 to 3 × 4 × 5. */
  readonly axes: readonly number[]
  /**
   * Column of tensors.
   *
   * @default 'embedding'
   */
  readonly column?: string
}

/**
 * Puts the axes of tensors into another order. The rows are no axis, and stay.
 *
 * - Rows: n to n, in order.
 * - Columns: `column` (tensor of fixed shape, of any values) → the same with its axes in the new order; not
 *   copied if that is the order in which they are.
 * - Nulls: stay.
 *
 * @throws {OptionError} at the call, if an option is unknown, or an axis named twice
 * @throws {SchemaError} if the column is missing, no tensor of fixed shape, or has other axes
 * @see `layout` for pictures
 * @example
 * flow.pipe(transpose({ axes: [1, 0] })) // [[1, 2, 3], [4, 5, 6]]  =>  [[1, 4], [2, 5], [3, 6]]
 */
export function transpose(options: TransposeOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('transpose', options, ['axes', 'column'])
  const axes = axisList('axes', options.axes)
  const column = nonEmptyString('column', options.column ?? 'embedding')

  return operate<RecordBatch, RecordBatch>({
    name: 'transpose',
    reads: [column],
    schema: (input) => schemaWith(input, [transposedField(checked(input, column, axes), axes)]),
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        const field = checked(batch.schema, column, axes)
        yield withColumns(batch, [transposed({ field, vector: columnAt(batch, column) }, axes)])
      },
    }),
    settings: { column, axes },
  })
}

function checked(schema: Schema, column: string, axes: readonly number[]): Field {
  const field = requireField(schema, column, { owner: 'transpose', kind: 'tensor' })
  const shape = tensorShape(field)
  if (shape.length === axes.length && axes.every((axis) => axis < shape.length)) return field
  throw new SchemaError(
    `Expected column \`${column}\` of transpose to have the axes ${axes.toSorted((a, b) => a - b).join(', ')}, got shape [${shape.join(', ')}]`,
    { column },
  )
}
