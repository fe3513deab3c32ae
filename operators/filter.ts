import { DataType, type RecordBatch, type Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { column as columnAt, take } from '../src/batch/batch.ts'
import { requireField, typeName } from '../src/batch/schema.ts'
import { OptionError, SchemaError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import { callback, columnList, kindOf, knownOptions, nonEmptyString } from '../src/options.ts'

/** Options of {@link filter}: by a predicate or by the values of one column. */
export type FilterOptions = FilterByPredicate | FilterByValue

/** Keeps the rows that a predicate answers true for. */
export interface FilterByPredicate {
  /** Columns that the predicate is given. */
  readonly columns: readonly string[]
  /** Answers whether a row stays, from its values by column. */
  readonly where: (row: Readonly<Record<string, unknown>>) => boolean
}

/** Keeps the rows that have, or have not, one of some values: labels, say. */
export interface FilterByValue {
  /** Column of text, numbers or booleans. */
  readonly column: string
  /** Values that stay; `null` for rows without one. */
  readonly in?: readonly FilterValue[]
  /** In place of `in`: values that go. */
  readonly notIn?: readonly FilterValue[]
}

/** A value to filter by. */
export type FilterValue = string | number | bigint | boolean | null

/**
 * Keeps some of the rows.
 *
 * - Rows: n to at most n, in order. A batch of which all stay is passed on, of neighbouring rows a slice of it; of
 *   one of which none stays nothing comes out.
 * - Columns: unchanged.
 * - Nulls: `in` and `notIn` take null for a value like others, so `notIn: ['a']` keeps rows without one; the predicate is
 *   given it.
 *
 * @throws {OptionError} at the call, if an option is unknown, missing or of the wrong type
 * @throws {SchemaError} if a column is missing, or holds other values than those it is filtered by
 * @example
 * flow.pipe(filter({ column: 'label', in: ['cat', 'dog'] }))
 * flow.pipe(filter({ columns: ['width', 'height'], where: ({ width, height }) => width > height }))
 */
export function filter(options: FilterOptions): MonoTypeOperatorFunction<RecordBatch> {
  const { columns, keeps, checked, settings } =
    'where' in options ? byPredicate(options) : byValue(options)

  return operate<RecordBatch, RecordBatch>({
    name: 'filter',
    reads: columns,
    schema(input) {
      checked(input)
      return input
    },
    memoryBytes: 0,
    start: () => {
      let schema: Schema | undefined
      return {
        *next(batch) {
          if (batch.schema !== schema) checked((schema = batch.schema))
          const kept = keeps(batch)
          if (kept.length > 0 || batch.numRows === 0) yield rowsOf(batch, kept)
        },
      }
    },
    settings,
  })
}

/** What a way of filtering comes to. */
interface Way {
  readonly columns: readonly string[]
  /** The rows that stay. */
  readonly keeps: (batch: RecordBatch) => number[]
  /** Throws if the columns are not what is filtered by. */
  readonly checked: (schema: Schema) => void
  readonly settings: Readonly<Record<string, unknown>>
}

function byPredicate(options: FilterByPredicate): Way {
  knownOptions('filter', options, ['columns', 'where'])
  const columns = columnList('columns', options.columns)
  const where = callback('where', options.where)
  return {
    columns,
    keeps(batch) {
      const vectors = columns.map((name) => [name, columnAt(batch, name)] as const)
      return rowsWhere(batch, (row) =>
        where(Object.fromEntries(vectors.map(([name, vector]) => [name, vector.get(row)]))),
      )
    },
    checked(schema) {
      for (const name of columns) requireField(schema, name, { owner: 'filter' })
    },
    settings: { columns, where: String(where) },
  }
}

function byValue(options: FilterByValue): Way {
  knownOptions('filter', options, ['column', 'in', 'notIn'])
  const column = nonEmptyString('column', options.column)
  const { in: kept, notIn: left } = options
  if ((kept === undefined) === (left === undefined))
    throw new OptionError('Expected one of the options `in`, `notIn` and `where`, got both or none')
  const values = valueList(kept ? 'in' : 'notIn', kept ?? left)
  const keys = new Set(values.map(keyOf))
  return {
    columns: [column],
    keeps(batch) {
      const vector = columnAt(batch, column)
      return rowsWhere(
        batch,
        (row) => keys.has(keyOf(vector.get(row) as FilterValue)) === (kept !== undefined),
      )
    },
    checked(schema) {
      checkValues(
        requireField(schema, column, { owner: 'filter' }).type as DataType,
        column,
        values,
      )
    },
    settings: { column, ...(kept ? { in: values } : { notIn: values }) },
  }
}

function valueList(name: string, value: unknown): readonly FilterValue[] {
  if (Array.isArray(value) && value.length > 0 && value.every(isValue)) return value
  throw new OptionError(
    `Expected option \`${name}\` to be a non-empty list of texts, numbers, booleans or null, got ${kindOf(value)}`,
  )
}

function isValue(value: unknown): value is FilterValue {
  return value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}

/** Equal for 1 and 1n, which are values of one column; a column holds no text beside numbers. */
function keyOf(value: FilterValue): string | null {
  return value === null ? null : String(value)
}

/** Throws if a column of `type` can have none of the values: a number never equals the text of it. */
function checkValues(type: DataType, column: string, values: readonly FilterValue[]): void {
  const held = DataType.isDictionary(type) ? (type.dictionary as DataType) : type
  const kinds = DataType.isBool(held)
    ? ['boolean']
    : DataType.isInt(held) || DataType.isFloat(held)
      ? ['number', 'bigint']
      : DataType.isUtf8(held) || DataType.isLargeUtf8(held) || DataType.isUtf8View(held)
        ? ['string']
        : []
  const wrong = values.find((value) => value !== null && !kinds.includes(typeof value))
  if (wrong === undefined) return
  throw new SchemaError(
    `Expected column \`${column}\` of filter to have values such as ${typeof wrong === 'string' ? `'${wrong}'` : String(wrong)} (${typeof wrong}), got ${typeName(type)}`,
    { column },
  )
}

function rowsWhere(batch: RecordBatch, keeps: (row: number) => boolean): number[] {
  const rows: number[] = []
  for (let row = 0; row < batch.numRows; row++) if (keeps(row)) rows.push(row)
  return rows
}

/** The rows of `batch` at `rows`, which ascend: itself, a slice of it where they are neighbours, else a copy. */
function rowsOf(batch: RecordBatch, rows: readonly number[]): RecordBatch {
  const [first = 0] = rows
  const last = rows.at(-1) ?? -1
  if (rows.length === batch.numRows) return batch
  return last - first + 1 === rows.length ? batch.slice(first, last + 1) : take(batch, rows)
}
