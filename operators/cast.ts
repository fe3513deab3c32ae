import {
  type Data,
  DataType,
  type Field,
  FixedSizeList,
  makeVector,
  type RecordBatch,
  type Schema,
} from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { type Column, column as columnAt, take, withColumns } from '../src/batch/batch.ts'
import { castable, castData, type CastType, castTypes } from '../src/batch/cast-data.ts'
import { requireField, schemaWith, typeName } from '../src/batch/schema.ts'
import { DataError, SchemaError } from '../src/errors.ts'
import { type Control, type Reject, Rejects } from '../src/flow/control.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, oneOf, stringMap } from '../src/options.ts'
import { type OnError, onErrorChoices } from '../src/tasks/row-tasks.ts'

/** Options of {@link cast}. */
export interface CastOptions {
  /** The type that each column is to have, or the values of its tensors: `{ n: 'Float64', embedding: 'Float32' }`. */
  readonly columns: Readonly<Record<string, CastType>>
  /**
   * What becomes of a row with a value that its new type cannot hold.
   *
   * @default 'fail'
   */
  readonly onError?: OnError
}

/**
 * Gives columns, and the values of tensors, another type.
 *
 * - Rows: n to at most n, in order.
 * - Columns: numbers, booleans and text to integers and floats, all of them to text (`Utf8`); a tensor keeps its
 *   shape. A column of that type already is not copied.
 * - What a type can hold: an integer, or what becomes one, has to come out the same: 1.5, NaN and 300 do not go
 *   into Int8, nor 2^53 + 1 into Float64. Of floats, and text, a float is the nearest there is, but never an
 *   infinity that was none. Text has to be a decimal number. False is 0, true is 1.
 * - Nulls: stay.
 * - Faults (`onError`): `CAST`.
 *
 * @throws {OptionError} at the call, if an option is unknown or none of the choices
 * @throws {SchemaError} if a column is missing or of a type that cannot be cast; for rejects also without `id`
 * @throws {DataError} on the stream, if a value does not fit and `onError` is 'fail'
 * @example
 * flow.pipe(cast({ columns: { width: 'Float32', embedding: 'Float64' } }))
 */
export function cast(options: CastOptions): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('cast', options, ['columns', 'onError'])
  const names = Object.keys(castTypes) as CastType[]
  const types = [...stringMap('columns', options.columns)].map(
    ([name, type]) => [name, oneOf(`columns.${name}`, type, names)] as const,
  )
  const onError = oneOf('onError', options.onError ?? 'fail', onErrorChoices)

  function fields(schema: Schema): Field[] {
    if (onError === 'reject') requireField(schema, 'id', { owner: 'cast', kind: 'text' })
    return types.map(([name, to]) => castField(requireField(schema, name, { owner: 'cast' }), to))
  }

  return operate<RecordBatch, RecordBatch>({
    name: 'cast',
    reads: types.map(([name]) => name),
    schema: (input) => schemaWith(input, fields(input)),
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        const made = fields(batch.schema)
        const faults = new Map<number, string>()
        const columns = types.map(([name, to], i) => {
          const data = columnAt(batch, name).data[0] as Data
          return castColumn(data, { field: made[i] as Field, to, faults })
        })
        yield* sorted(withColumns(batch, columns), faults, onError)
      },
    }),
    settings: { columns: Object.fromEntries(types), onError },
  })
}

function castField(field: Field, to: CastType): Field {
  const type = field.type as DataType
  if (DataType.isFixedSizeList(type) && to !== 'Utf8' && castable(type.valueType as DataType)) {
    const item = (type.children[0] as Field).clone({ type: castTypes[to] })
    return field.clone({ type: new FixedSizeList(type.listSize, item) })
  }
  if (castable(type)) return field.clone({ type: castTypes[to] })
  throw new SchemaError(
    `Expected column \`${field.name}\` of cast to be of a type that goes into ${to}, got ${typeName(type)}`,
    { column: field.name },
  )
}

/** How a column is cast; what does not fit is noted in `faults`, by row. */
interface Casting {
  readonly field: Field
  readonly to: CastType
  readonly faults: Map<number, string>
}

function castColumn(data: Data, { field, to, faults }: Casting): Column {
  const { type, offset, length, nullCount, buffers, children } = data
  if (typeName(type) === typeName(field.type as DataType))
    return { field, vector: makeVector(data) }
  const size = DataType.isFixedSizeList(type) ? type.listSize : undefined
  const items = size === undefined ? data : (children[0] as Data).slice(0, length * size)
  const { data: made, misfits } = castData(items, to)
  for (const at of misfits) {
    const row = Math.floor(at / (size ?? 1))
    // What lies under a null tensor may be anything.
    if (!data.getValid(row) || faults.has(row)) continue
    const value: unknown = makeVector(items).get(at)
    const shown = typeof value === 'string' ? `'${value}'` : String(value)
    faults.set(row, `Expected column \`${field.name}\` to fit into ${to}, got ${shown}`)
  }
  const whole =
    size === undefined
      ? made
      : data.clone(field.type as DataType, offset, length, nullCount, buffers, [made])
  return { field, vector: makeVector(whole) }
}

/** The rows without those at fault, and what becomes of these. */
function* sorted(
  batch: RecordBatch,
  faults: ReadonlyMap<number, string>,
  onError: OnError,
): Generator<RecordBatch | Control> {
  if (faults.size === 0) {
    yield batch
    return
  }
  const ids = batch.getChild('id')
  const rejects = [...faults]
    .sort(([a], [b]) => a - b)
    .map(([row, message]) => rejected(String(ids?.get(row) ?? row), message))
  const [first] = rejects as [Reject]
  if (onError === 'fail')
    throw new DataError(`${first.message} (cast of \`${first.id}\`)`, { url: first.id })
  const kept = Array.from({ length: batch.numRows }, (_, row) => row).filter((r) => !faults.has(r))
  if (kept.length > 0) yield take(batch, kept)
  if (onError === 'reject') yield new Rejects(rejects)
}

function rejected(id: string, message: string): Reject {
  return { id, operator: 'cast', code: 'CAST', message, attempt: 1 }
}
