import type { DataType, RecordBatch } from 'apache-arrow'
import { columnsOf } from '../batch/batch.ts'
import { jsonOf } from '../batch/json-value.ts'

/** The rows of a batch, each as the text of a JSON object. */
export function* jsonRows(batch: RecordBatch): Generator<string> {
  const columns = columnsOf(batch).map(({ field, vector }) => ({
    key: field.name,
    vector,
    json: jsonOf(field.type as DataType),
  }))
  for (let row = 0; row < batch.numRows; row++) {
    const object: Record<string, unknown> = {}
    for (const { key, vector, json } of columns) object[key] = json(vector.get(row))
    yield JSON.stringify(object)
  }
}
