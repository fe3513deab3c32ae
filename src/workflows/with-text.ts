import type { RecordBatch } from 'apache-arrow'
import { textColumn, withColumns } from '../batch/batch.ts'
import { schemaWith } from '../batch/schema.ts'
import { operate } from '../flow/operate.ts'

/** Adds a column that has the same text in every row. */
export function withText(name: string, text: string) {
  return operate<RecordBatch, RecordBatch>({
    name: 'withText',
    schema: (input) => schemaWith(input, [textColumn(name, []).field]),
    settings: { name, text },
    start: () => ({
      *next(batch) {
        yield withColumns(batch, [textColumn(name, Array<string>(batch.numRows).fill(text))])
      },
    }),
  })
}
