import type { DataType, RecordBatch, Schema, Vector } from 'apache-arrow'
import { column } from '../batch/batch.ts'
import { isKind, requireField, typeName } from '../batch/schema.ts'
import { SchemaError } from '../errors.ts'
import { metrics } from './metrics.ts'

/**
 * The metrics of an operator: the columns that are given, or those of {@link metrics} that are there and not nominal.
 *
 * @throws {SchemaError} naming `owner` if one is no column of numbers, or there is none
 */
export function metricColumns(
  schema: Schema,
  given: readonly string[] | undefined,
  owner: string,
): readonly string[] {
  for (const name of given ?? []) requireField(schema, name, { owner, kind: 'number' })
  if (given) return given
  const found = metricsIn(schema)
  if (found.length > 0) return found
  throw new SchemaError(
    `Expected columns of metrics for ${owner}, such as \`brightness\`, got columns ${schema.names.join(', ')}; name others by \`columns\``,
    { column: 'brightness' },
  )
}

/** The names of the {@link metrics} that are columns of numbers, but for nominal ones. */
export function metricsIn(schema: Schema): readonly string[] {
  const numbers = new Set(schema.fields.filter((f) => isKind(f, 'number')).map((f) => f.name))
  return metrics
    .filter(({ name, scale }) => scale !== 'nominal' && numbers.has(name))
    .map(({ name }) => name)
}

/** Types whose values are kept as numbers. */
const plainTypes = new Set([
  'Float64',
  'Float32',
  'Int8',
  'Int16',
  'Int32',
  'Uint8',
  'Uint16',
  'Uint32',
])

/** The numbers of a column, NaN where there is none. */
export function metricValues(batch: RecordBatch, name: string): Float64Array {
  const vector = column(batch, name)
  const out = new Float64Array(vector.length)
  const plain = plainValues(vector)
  if (plain) return Float64Array.from(plain)
  for (let row = 0; row < out.length; row++) {
    const value = vector.get(row) as number | bigint | null
    out[row] = value === null ? NaN : Number(value)
  }
  return out
}

/** The values of a vector, where they are numbers as they lie there. */
function plainValues({ data, nullCount, length }: Vector): ArrayLike<number> | undefined {
  const type = data[0]?.type as DataType | undefined
  if (data.length !== 1 || nullCount > 0 || !type || !plainTypes.has(typeName(type)))
    return undefined
  return (data[0]?.values as Float64Array).subarray(0, length)
}

/** The texts of a column, null where there is none. */
export function labelsOf(batch: RecordBatch, name: string): (string | null)[] {
  return [...column(batch, name)] as (string | null)[]
}

/** Values of rows by metric, and their labels. */
export interface MetricRowValues {
  /** A column of values for each metric, NaN for none. */
  readonly values: readonly Float64Array[]
  /** The labels, null for none, where there are bounds per label. */
  readonly groups: readonly (string | null)[] | undefined
}

/** The values of metrics, and of the column of labels `by`. */
export function rowValues(
  batch: RecordBatch,
  { columns, by }: { readonly columns: readonly string[]; readonly by: string | undefined },
): MetricRowValues {
  const values = columns.map((name) => metricValues(batch, name))
  return { values, groups: by === undefined ? undefined : labelsOf(batch, by) }
}
