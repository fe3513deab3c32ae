import type { DataType, RecordBatch } from 'apache-arrow'
import { columnsOf } from '../batch/batch.ts'
import { jsonOf } from '../batch/json-value.ts'

/** A row as JSON holds it. */
export type JsonRow = Readonly<Record<string, unknown>>

/** The rows of a batch as JSON holds them. */
export function* jsonObjects(batch: RecordBatch): Generator<JsonRow> {
  const columns = columnsOf(batch).map(({ field, vector }) => ({
    key: field.name,
    vector,
    json: jsonOf(field.type as DataType),
  }))
  for (let row = 0; row < batch.numRows; row++) {
    const object: Record<string, unknown> = {}
    for (const { key, vector, json } of columns) object[key] = json(vector.get(row))
    yield object
  }
}

/** The rows of a batch, each as the text of a JSON object. */
export function* jsonRows(batch: RecordBatch): Generator<string> {
  for (const row of jsonObjects(batch)) yield JSON.stringify(row)
}
