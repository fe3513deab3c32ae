import type { Field, RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { column as columnAt, withColumns } from '../src/batch/batch.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, nonEmptyString } from '../src/options.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { fixedShapeTensor, tensorShape } from '../src/batch/tensor.ts'

/** Options of {@link flatten}. */
export interface FlattenOptions {
  /**
   * Column of tensors.
   *
   * @default 'embedding'
   */
  readonly column?: string
}

/**
 * Makes each tensor a vector of the same values in row-major order.
 *
 * - Rows: n to n; nothing is copied.
 * - Columns: `column`, of any fixed shape → one dimension, same type of values.
 * - Nulls: stay.
 *
 * @throws {OptionError} at the call, if an option is unknown
 * @throws {SchemaError} if the column is missing or no tensor of fixed shape
 */
export function flatten(options: FlattenOptions = {}): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('flatten', options, ['column'])
  const column = nonEmptyString('column', options.column ?? 'embedding')

  return operate<RecordBatch, RecordBatch>({
    name: 'flatten',
    reads: [column],
    schema: (input) => schemaWith(input, [flat(input, column)]),
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        const vector = columnAt(batch, column)
        yield withColumns(batch, [{ field: flat(batch.schema, column), vector }])
      },
    }),
    settings: { column },
  })
}

function flat(schema: Schema, column: string): Field {
  const field = requireField(schema, column, { owner: 'flatten', kind: 'tensor' })
  const length = tensorShape(field).reduce((product, side) => product * side, 1)
  const { metadata } = fixedShapeTensor(column, [length])
  return field.clone({ metadata: new Map([...field.metadata, ...metadata]) })
}
