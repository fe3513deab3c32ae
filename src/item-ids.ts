import { basename, dirname, relative, resolve, sep } from 'node:path'
import { DataType, Field, type RecordBatch, type Schema, Utf8 } from 'apache-arrow'
import { type Column, column, textColumn } from './batch/batch.ts'
import { DataError, SchemaError } from './errors.ts'
import { isInside } from './path-inside.ts'
import { typeName } from './batch/schema.ts'

/** Where the ids of a table's rows come from. */
export interface IdOrigin {
  /** The column that has them, as text or integers; without it they are made of file and row. */
  readonly column: string | undefined
  /** Goes before every id with a slash. */
  readonly prefix: string | undefined
  /** What the table is called in ids that are made. */
  readonly table: string
  /** Where it is, for errors. */
  readonly url: string
}

/**
 * The field of the `id` column: as stored where its values are what they should be, else new.
 *
 * @throws {SchemaError} if the column has neither text nor integers
 */
export function idField(schema: Schema, { column: from, prefix, url }: IdOrigin): Field {
  const stored = schema.fields.find((field) => field.name === from)
  const made = new Field('id', new Utf8(), true)
  if (!stored) return made
  const type = stored.type as DataType
  const values: DataType = DataType.isDictionary(type) ? (type.dictionary as DataType) : type
  if (!DataType.isUtf8(values) && !DataType.isInt(values))
    throw new SchemaError(
      `Expected id column \`${stored.name}\` of ${url} to be text or integers, got ${typeName(type)}`,
      { column: stored.name },
    )
  return isAsStored(type, { column: from, prefix }) ? stored : made
}

function isAsStored(
  type: DataType,
  { column: from, prefix }: Pick<IdOrigin, 'column' | 'prefix'>,
): boolean {
  return from === 'id' && prefix === undefined && DataType.isUtf8(type)
}

/**
 * The `id` column of `batch`, whose first row is row `firstRow` of its table.
 *
 * @throws {DataError} if an id is null
 */
export function idColumn(batch: RecordBatch, firstRow: number, origin: IdOrigin): Column {
  const { column: from, prefix, table, url } = origin
  const before = prefix === undefined ? '' : `${prefix}/`
  const ids: string[] = []
  if (from === undefined) {
    for (let row = 0; row < batch.numRows; row++)
      ids.push(`${before}${table}#${String(firstRow + row)}`)
    return textColumn('id', ids)
  }
  const stored = column(batch, from)
  const nulls = stored.nullCount > 0
  for (let row = 0; nulls && row < batch.numRows; row++) {
    if (stored.isValid(row)) continue
    throw new DataError(
      `Expected an id in every row of ${url}, got null in \`${from}\` of row ${String(firstRow + row)}`,
      { url },
    )
  }
  if (isAsStored(stored.type as DataType, origin))
    return { field: idField(batch.schema, origin), vector: stored }
  for (let row = 0; row < batch.numRows; row++) ids.push(`${before}${String(stored.get(row))}`)
  return textColumn('id', ids)
}

/** The paths from the folder that they have in common, with slashes: what files are called in ids that are made. */
export function tableNames(paths: readonly string[]): string[] {
  const whole = paths.map((path) => resolve(path))
  let common = dirname(whole[0] ?? '')
  while (!whole.every((path) => isInside(common, path))) common = dirname(common)
  return whole.map((path) => relative(common, path).split(sep).join('/') || basename(path))
}
