import {
  DataType,
  type Field,
  type FixedSizeList,
  Precision,
  type RecordBatch,
  type Schema,
} from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { column as columnAt, withColumns } from '../src/batch/batch.ts'
import { SchemaError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import { axisList, knownOptions, nonEmptyString, oneOf } from '../src/options.ts'
import { columnOf } from '../src/tasks/row-values.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { fixedShapeTensor, tensorShape, tensorValues } from '../src/batch/tensor.ts'

/** Options of {@link pool}. */
export interface PoolOptions {
  /** Axes that go, from 0: `[0, 1]` of height × width × channels leaves the channels. */
  readonly axes: readonly number[]
  /**
   * What becomes of the values along them.
   *
   * @default 'average'
   */
  readonly method?: PoolMethod
  /**
   * Column of tensors.
   *
   * @default 'embedding'
   */
  readonly column?: string
}

/** How {@link pool} joins values. */
export type PoolMethod = (typeof methods)[number]

const methods = ['average', 'max', 'sum'] as const

/**
 * Takes the average, maximum or sum of tensors over some of their axes.
 *
 * - Rows: n to n; order kept.
 * - Columns: `column` (float32 tensor of fixed shape) → the same without the axes; one value if none is left.
 * - Nulls: stay. A NaN makes the result NaN.
 * - Sums are gathered in double precision.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if the column is missing, no tensor of float32, or has no such axis
 * @example
 * maps$.pipe(pool({ axes: [0, 1] })) // `embedding` of 7 × 7 × 1280 becomes one of 1280
 */
export function pool(options: PoolOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('pool', options, ['axes', 'method', 'column'])
  const axes = axisList('axes', options.axes)
  const method = oneOf('method', options.method ?? 'average', methods)
  const column = nonEmptyString('column', options.column ?? 'embedding')

  return operate<RecordBatch, RecordBatch>({
    name: 'pool',
    reads: [column],
    schema: (input) => schemaWith(input, [pooledField(input, column, axes)]),
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        const field = pooledField(batch.schema, column, axes)
        const vector = columnAt(batch, column)
        const shape = tensorShape(requireField(batch.schema, column, { owner: 'pool' }))
        const size = shape.reduce((product, side) => product * side, 1)
        const targets = targetsOf(shape, axes)
        const values = tensorValues(vector)
        const rows: (Float32Array | null)[] = []
        for (let row = 0; row < batch.numRows; row++) {
          const tensor = values.subarray(row * size, (row + 1) * size)
          rows.push(vector.isValid(row) ? pooled(tensor, targets, method) : null)
        }
        yield withColumns(batch, [columnOf(field, rows)])
      },
    }),
    settings: { column, axes, method },
  })
}

function pooledField(schema: Schema, column: string, axes: readonly number[]): Field {
  const field = requireField(schema, column, { owner: 'pool', kind: 'tensor' })
  const valueType = (field.type as FixedSizeList).valueType as DataType
  const shape = tensorShape(field)
  const missing = axes.find((axis) => axis >= shape.length)
  if (!DataType.isFloat(valueType) || valueType.precision !== Precision.SINGLE)
    throw wrong(column, 'a tensor of float32', String(field.type))
  if (missing !== undefined)
    throw wrong(column, `a tensor with axis ${String(missing)}`, `shape [${shape.join(', ')}]`)
  const left = shape.filter((_, axis) => !axes.includes(axis))
  return fixedShapeTensor(column, left.length > 0 ? left : [1])
}

/** For each value of a tensor the place of the result that it goes into. */
function targetsOf(shape: readonly number[], axes: readonly number[]): Int32Array {
  let targets = [0]
  for (const [axis, side] of shape.entries()) {
    const stays = !axes.includes(axis)
    targets = targets.flatMap((at) =>
      Array.from({ length: side }, (_, i) => (stays ? at * side + i : at)),
    )
  }
  return Int32Array.from(targets)
}

function pooled(tensor: Float32Array, targets: Int32Array, method: PoolMethod): Float32Array {
  const length = (targets.at(-1) ?? 0) + 1
  const joined = new Float64Array(length).fill(method === 'max' ? -Infinity : 0)
  for (let i = 0; i < tensor.length; i++) {
    const value = tensor[i] as number
    const at = targets[i] as number
    const before = joined[at] as number
    joined[at] = method === 'max' ? Math.max(before, value) : before + value
  }
  if (method === 'average') {
    const each = tensor.length / length
    for (let at = 0; at < length; at++) joined[at] = (joined[at] as number) / each
  }
  return Float32Array.from(joined)
}

function wrong(column: string, wanted: string, got: string): SchemaError {
  return new SchemaError(`Expected column \`${column}\` of pool to be ${wanted}, got ${got}`, {
    column,
  })
}
