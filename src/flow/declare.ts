import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { Control } from './control.ts'
import { SchemaError } from '../errors.ts'
import { Flow, flowOf } from './flow.ts'
import { isHeavy, missingColumn } from '../batch/schema.ts'

/**
 * States the schema of what comes out of a foreign operator, so that those after it can be checked
 * before data flows.
 *
 * - Rows: unchanged; each batch is checked to have these columns, with these types, and no other.
 *   Heavy columns may be missing, since they are dropped when nobody wants them.
 *
 * @throws {SchemaError} on the stream, if a batch has another schema
 * @example
 * flow.pipe(stateless(map(renamed)), declare(schema), pca({ dimensions: 2 }))
 */
export function declare(schema: Schema): OperatorFunction<RecordBatch, RecordBatch> {
  return (source) => {
    const input = flowOf(source)
    return new Flow(
      async function* (context) {
        let checked: Schema | undefined
        for await (const value of input.pull(context)) {
          if (!(value instanceof Control) && value.schema !== checked) {
            checkSchema(value.schema, schema)
            checked = value.schema
          }
          yield value
        }
      },
      { name: 'declare', role: 'operator', inputs: [input], schema: () => schema },
    )
  }
}

function checkSchema(actual: Schema, declared: Schema): void {
  const types = new Map(actual.fields.map((f) => [f.name, String(f.type)]))
  for (const field of declared.fields) {
    const type = types.get(field.name)
    types.delete(field.name)
    if (type === undefined && isHeavy(field)) continue
    if (type === undefined) throw missingColumn(field.name, actual, 'declare')
    if (type !== String(field.type)) throw wrongType(field.name, String(field.type), type)
  }
  for (const [name, type] of types) throw wrongType(name, 'left out', type)
}

function wrongType(column: string, expected: string, got: string): SchemaError {
  return new SchemaError(`Expected column \`${column}\` to be ${expected}, got ${got}`, { column })
}
