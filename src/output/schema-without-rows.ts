import type { RecordBatch, Schema } from 'apache-arrow'
import { SchemaError } from '../errors.ts'
import type { Flow } from '../flow/flow.ts'

/**
 * The schema of a file for a flow that brought no rows.
 *
 * @throws {SchemaError} if the flow does not know it
 */
export async function schemaWithoutRows(input: Flow<RecordBatch>): Promise<Schema> {
  const schema = await input.schema()
  if (schema) return schema
  throw new SchemaError(
    'Expected rows to write, or a flow that knows its schema, got neither; see `declare`',
    { column: '' },
  )
}
