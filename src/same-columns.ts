import type { DataType, Field, Schema } from 'apache-arrow'
import { SchemaError } from './errors.ts'
import { typeName } from './schema.ts'

/**
 * Throws unless `schema` has the columns of `first`, in their order and of their types.
 *
 * @throws {SchemaError} naming `where` the first difference is
 */
export function requireSameColumns(schema: Schema, first: Schema, where: string): void {
  const count = Math.max(schema.fields.length, first.fields.length)
  for (let i = 0; i < count; i++) {
    const wanted = described(first.fields[i])
    const got = described(schema.fields[i])
    if (wanted === got) continue
    throw new SchemaError(`Expected ${wanted} as column ${String(i)} of ${where}, got ${got}`, {
      column: (schema.fields[i] ?? first.fields[i])?.name ?? '',
    })
  }
}

function described(field: Field | undefined): string {
  return field ? `\`${field.name}\` (${typeName(field.type as DataType)})` : 'none'
}
