import { type RecordBatch, type Schema, vectorFromArray } from 'apache-arrow'
import { batchOf } from './batch.ts'

/** Rows of plain values, in the order of the fields, as a batch. */
export function tableOfRows(schema: Schema, rows: readonly (readonly unknown[])[]): RecordBatch {
  return batchOf(
    schema.fields.map((field, i) => {
      const values = rows.map((row) => row[i] ?? null)
      return { field, vector: vectorFromArray(values, field.type) }
    }),
    schema,
  )
}
