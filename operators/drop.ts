import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { select } from '../src/batch/batch.ts'
import { carried, requireField, schemaWithout } from '../src/batch/schema.ts'
import { operate } from '../src/flow/operate.ts'
import { columnList, knownOptions } from '../src/options.ts'

/** Options of {@link drop}. */
export interface DropOptions {
  /** Columns that go. */
  readonly columns: readonly string[]
}

/**
 * Leaves out some columns and keeps the others.
 *
 * - Rows: n to n, in order; nothing is copied.
 * - Columns: all but those named, in the same order. A heavy one (pictures) that is left out is not even carried
 *   up to here.
 * - Nulls: stay.
 *
 * @throws {OptionError} at the call, if an option is unknown
 * @throws {SchemaError} if a column is missing
 * @example
 * flow.pipe(drop({ columns: ['phash'] }))
 */
export function drop(options: DropOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('drop', options, ['columns'])
  const columns = columnList('columns', options.columns)
  const dropped = new Set(columns)

  return operate<RecordBatch, RecordBatch>({
    name: 'drop',
    wants: (wanted) => new Set([...wanted].filter((name) => !dropped.has(name))),
    schema(input) {
      for (const name of columns) requireField(input, name, { owner: 'drop' })
      return schemaWithout(input, columns)
    },
    memoryBytes: 0,
    start: ({ columns: wanted }) => ({
      *next(batch) {
        carried(batch.schema, columns, { owner: 'drop', wanted: wanted && new Set() })
        const names = batch.schema.fields.map(({ name }) => name)
        yield select(
          batch,
          names.filter((name) => !dropped.has(name)),
        )
      },
    }),
    settings: { columns },
  })
}
