import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { select as selectColumns } from '../src/batch/batch.ts'
import { carried } from '../src/batch/schema.ts'
import { selectedSchema } from '../src/batch/selected-schema.ts'
import { OptionError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import { columnList, knownOptions } from '../src/options.ts'

/** Options of {@link select}. */
export interface SelectOptions {
  /** Columns that stay, in the order in which they come out. */
  readonly columns: readonly string[]
}

/**
 * Keeps some columns and leaves out the others.
 *
 * - Rows: n to n, in order; nothing is copied.
 * - Columns: those named, in that order. A heavy one (pictures) is kept, not asked for: it is carried if a later
 *   operator or the sink declares it.
 * - Nulls: stay.
 *
 * @throws {OptionError} at the call, if an option is unknown, or a column named twice
 * @throws {SchemaError} if a column is missing
 * @example
 * flow.pipe(select({ columns: ['id', 'embedding'] }))
 */
export function select(options: SelectOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('select', options, ['columns'])
  const columns = columnList('columns', options.columns)
  const kept = new Set(columns)
  if (kept.size < columns.length)
    throw new OptionError(
      `Expected option \`columns\` to name each column once, got ${columns.join(', ')}`,
    )

  return operate<RecordBatch, RecordBatch>({
    name: 'select',
    wants: (wanted) => new Set([...wanted].filter((name) => kept.has(name))),
    schema: (input) => selectedSchema(input, columns, 'select'),
    memoryBytes: 0,
    start: ({ columns: wanted }) => ({
      *next(batch) {
        yield selectColumns(batch, carried(batch.schema, columns, { owner: 'select', wanted }))
      },
    }),
    settings: { columns },
  })
}
