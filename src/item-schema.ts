import { Schema } from 'apache-arrow'
import { SchemaError } from './errors.ts'
import { idField, type IdOrigin } from './item-ids.ts'
import { didYouMean } from './options.ts'
import { isHeavy } from './batch/schema.ts'

/** What becomes of the columns of a stored table. */
export interface ItemColumns {
  /** Columns to read, in this order; undefined for all. */
  readonly columns: readonly string[] | undefined
  /** Where ids come from. */
  readonly ids: IdOrigin
  /** The heavy columns that somebody wants; undefined for all. */
  readonly wanted: ReadonlySet<string> | undefined
  /** Whether other tables follow: then any column may have nulls. */
  readonly several: boolean
}

/**
 * The schema of items made of the rows of a table that is stored with `stored`: the chosen columns with an `id`, which
 * comes first unless it is among them.
 *
 * @throws {SchemaError} if a column is missing, or ids are neither text nor integers
 */
export function itemSchema(stored: Schema, { columns, ids, wanted, several }: ItemColumns): Schema {
  const there = stored.fields.map((field) => field.name)
  for (const each of [...(columns ?? []), ids.column ?? 'id'])
    if (each !== 'id' && !there.includes(each)) throw missingStored(there, each, ids.url)
  const fields = new Map(
    stored.fields
      .filter((field) => !wanted || !isHeavy(field) || wanted.has(field.name))
      .map((field) => [field.name, field]),
  )
  fields.set('id', idField(stored, ids))
  const named = columns ?? there
  const order = named.includes('id') ? named : ['id', ...named]
  const out = order.flatMap((each) => fields.get(each) ?? [])
  return new Schema(
    several ? out.map((field) => field.clone({ nullable: true })) : out,
    stored.metadata,
  )
}

/** The error for a column that a stored table lacks. */
export function missingStored(there: readonly string[], wanted: string, url: string): SchemaError {
  return new SchemaError(
    `Expected column \`${wanted}\` in ${url}, got columns ${there.join(', ')}${didYouMean(wanted, there)}`,
    { column: wanted },
  )
}
