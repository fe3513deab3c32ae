import { DataType, type Field, type RecordBatch, type Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { column, take } from '../src/batch/batch.ts'
import { requireField, typeName } from '../src/batch/schema.ts'
import { tensorMatrix } from '../src/batch/tensor.ts'
import { DataError, SchemaError } from '../src/errors.ts'
import { type Reject, Rejects } from '../src/flow/control.ts'
import { operate } from '../src/flow/operate.ts'
import { columnList, knownOptions, oneOf } from '../src/options.ts'
import { type OnError, onErrorChoices } from '../src/tasks/row-tasks.ts'

/** Options of {@link requireFinite}. */
export interface RequireFiniteOptions {
  /**
   * Columns of numbers or tensors.
   *
   * @default all columns of floating-point numbers and tensors
   */
  readonly columns?: readonly string[]
  /**
   * What becomes of a row with NaN or infinity.
   *
   * @default 'fail'
   */
  readonly onError?: OnError
}

/**
 * Keeps the rows whose numbers are all finite.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: numbers and tensors of fixed shape. In a tensor a value that is too large for float32 is not
 *   finite, for neighbours are searched in float32.
 * - Nulls: pass.
 * - Faults (`onError`): `NOT_FINITE`.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong
 * @throws {SchemaError} if a column is missing, or is neither a number nor a tensor of floating-point numbers
 * @throws {DataError} on the stream, if a value is not finite and `onError` is 'fail'
 * @example
 * fromParquet('embeddings.parquet').pipe(requireFinite({ columns: ['embedding'], onError: 'reject' }), pca({ components: 2 }))
 */
export function requireFinite(
  options: RequireFiniteOptions = {},
): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('requireFinite', options, ['columns', 'onError'])
  const columns = options.columns && columnList('columns', options.columns)
  const onError = oneOf('onError', options.onError ?? 'fail', onErrorChoices)

  return operate<RecordBatch, RecordBatch>({
    name: 'requireFinite',
    reads: columns ?? [],
    schema: (input) => {
      requireField(input, 'id', { owner: 'requireFinite', kind: 'text' })
      checkedFields(input, columns)
      return input
    },
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        const { kept, faults } = sorted(batch, columns)
        if (faults.length === 0) {
          yield batch
          return
        }
        const [{ id, message }] = faults as [Reject, ...Reject[]]
        if (onError === 'fail') throw new DataError(`${message} (\`${id}\`)`, { url: id })
        if (kept.length > 0) yield take(batch, kept)
        if (onError === 'reject') yield new Rejects(faults)
      },
    }),
    settings: { columns, onError },
  })
}

/** The fields to look at: those given, or all that may hold something else. */
function checkedFields(schema: Schema, columns: readonly string[] | undefined): readonly Field[] {
  if (!columns) return schema.fields.filter(({ type }) => isFloats(type as DataType))
  const owner = 'requireFinite'
  return columns
    .map((name) => {
      const field = requireField(schema, name, { owner })
      const type = field.type as DataType
      if (isFloats(type) || DataType.isInt(type)) return field
      throw new SchemaError(
        `Expected column \`${name}\` of ${owner} to be numbers or tensors of floating-point numbers, got ${typeName(type)}`,
        { column: name },
      )
    })
    .filter(({ type }) => !DataType.isInt(type))
}

function isFloats(type: DataType): boolean {
  return DataType.isFloat(DataType.isFixedSizeList(type) ? (type.valueType as DataType) : type)
}

function sorted(
  batch: RecordBatch,
  columns: readonly string[] | undefined,
): { readonly kept: number[]; readonly faults: Reject[] } {
  const ids = column(batch, 'id')
  const checks = checkedFields(batch.schema, columns).map((field) => faultsOf(batch, field))
  const kept: number[] = []
  const faults: Reject[] = []
  for (let row = 0; row < batch.numRows; row++) {
    const message = firstOf(checks, row)
    if (message === undefined) kept.push(row)
    else
      faults.push({
        id: String(ids.get(row)),
        operator: 'requireFinite',
        code: 'NOT_FINITE',
        message,
        attempt: 1,
      })
  }
  return { kept, faults }
}

/** What is wrong with the value of a row, or undefined. */
type Check = (row: number) => string | undefined

function firstOf(checks: readonly Check[], row: number): string | undefined {
  for (const check of checks) {
    const message = check(row)
    if (message !== undefined) return message
  }
  return undefined
}

function faultsOf(batch: RecordBatch, { name, type }: Field): Check {
  const vector = column(batch, name)
  if (!DataType.isFixedSizeList(type))
    return (row) => {
      const value = vector.get(row) as number | null
      return value === null || Number.isFinite(value)
        ? undefined
        : `Expected a finite number in column \`${name}\`, got ${String(value)}`
    }
  const { values, columns } = tensorMatrix(vector)
  return (row) => {
    if (!vector.isValid(row)) return undefined
    for (let at = 0; at < columns; at++) {
      const value = values[row * columns + at] as number
      if (!Number.isFinite(Math.fround(value)))
        return `Expected finite float32 values in column \`${name}\`, got ${String(value)} at position ${String(at)}`
    }
    return undefined
  }
}
