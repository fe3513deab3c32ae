import { Schema } from 'apache-arrow'
import { requireField } from './schema.ts'

/**
 * `schema` with `columns` alone, in their order; as it is without them.
 *
 * @throws {SchemaError} naming `owner`, if one is missing
 */
export function selectedSchema(
  schema: Schema,
  columns: readonly string[] | undefined,
  owner: string,
): Schema {
  if (!columns) return schema
  return new Schema(
    columns.map((column) => requireField(schema, column, { owner })),
    schema.metadata,
  )
}
