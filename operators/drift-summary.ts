import { Bool, Field, Float64, Int32, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { tableOfRows } from '../src/batch/row-table.ts'
import { columnsOfReference, requireColumns } from '../src/drift/drift-columns.ts'
import {
  checkedTestOptions,
  driftTestOptionNames,
  type DriftTestOptions,
} from '../src/drift/drift-options.ts'
import { savedReference } from '../src/drift/drift-windows.ts'
import { SummaryStep, type WindowPlace } from '../src/drift/summary-step.ts'
import type { WindowTest } from '../src/drift/window-result.ts'
import { OptionError } from '../src/errors.ts'
import { flowOf } from '../src/flow/flow.ts'
import { operate } from '../src/flow/operate.ts'
import { columnList, knownOptions, nonEmptyString, positiveInteger } from '../src/options.ts'

/** Options of {@link driftSummary}. */
export interface DriftSummaryOptions extends DriftTestOptions {
  /** Folder of a reference that `driftReference` saved. */
  readonly model: string
  /**
   * Those columns of the reference that are compared.
   *
   * @default all
   */
  readonly columns?: readonly string[]
  /**
   * Rows of a window, which are tested together; the last may be shorter.
   *
   * @default all rows are one window
   */
  readonly windowRows?: number
  /**
   * Rows that are tested of a window of all, drawn at random where there are more.
   *
   * @default 5_000
   */
  readonly rows?: number
}

const schema = new Schema([
  new Field('window', new Int32(), false),
  new Field('from_id', new Utf8(), false),
  new Field('to_id', new Utf8(), false),
  new Field('rows', new Int32(), false),
  new Field('column', new Utf8(), false),
  new Field('test', new Utf8(), false),
  new Field('values', new Int32(), false),
  new Field('statistic', new Float64(), true),
  new Field('p_value', new Float64(), true),
  new Field('adjusted_p', new Float64(), true),
  new Field('drifted', new Bool(), true),
])

/**
 * Turns rows into a table of how each column of a window differs from a reference, test by test.
 *
 * - Rows: one per window, column and test, when the window has ended.
 * - Columns: `id` and those of the reference → `window` (Int32, from 0), `from_id`, `to_id` (its first and last row), `rows` (Int32), `column`, `test`, `values`
 *   (Int32: those of the column that were compared), `statistic`, `p_value`, `adjusted_p` (Float64: for all tests of the window), `drifted` (Bool: whether that is below `alpha`); the others are left out.
 * - Nulls: `statistic` and what follows are null where there are too few values: `mmd` needs two, the others one. Numbers that are null or not finite are
 *   left out; a null category is one of its own.
 * - State: the reference, and of the columns compared the rows of one window, or up to twice `rows`. It is the state at a barrier.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range; when applied, if the only window would never end; at `schema()`, if
 *   one of `columns` is not of the reference
 * @throws {SchemaError} at `schema()`, if a column of the reference is missing, of another kind or length
 * @throws {DataError} on the stream, if a value of an embedding is not finite, or the reference is damaged
 * @see docs/drift.md for the tests
 * @example
 * arrived$.pipe(driftSummary({ model: 'models/reference' })) // => { window: 0, column: 'sharpness', test: 'ks', p_value: 0.001, … }
 */
export function driftSummary(
  options: DriftSummaryOptions,
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('driftSummary', options, [
    ...['model', 'columns', 'windowRows', 'rows'],
    ...driftTestOptionNames,
  ])
  const model = nonEmptyString('model', options.model)
  const windowRows =
    options.windowRows === undefined ? undefined : positiveInteger('windowRows', options.windowRows)
  const sampleRows = positiveInteger('rows', options.rows ?? 5_000)
  const tests = checkedTestOptions(options)
  const columns = options.columns && columnList('columns', options.columns)
  const load = savedReference(model, columns)

  const summary = operate<RecordBatch, RecordBatch>({
    name: 'driftSummary',
    learns: true,
    holds: `its reference, and the columns compared of ${String(windowRows ?? 2 * sampleRows)} rows`,
    settings: { model, ...(columns && { columns }), windowRows, rows: sampleRows, ...tests },
    async schema(input) {
      const reference = await load()
      const length = reference.embedding?.reference.columns
      requireColumns(input, columnsOfReference(reference), { owner: 'driftSummary', length })
      return schema
    },
    start: ({ run }) =>
      new SummaryStep({
        ...{ load, windowRows, sampleRows, tableOf },
        tests: { ...tests, seed: tests.seed ?? run?.seed ?? 0 },
      }),
  })
  return (source) => {
    const input = flowOf(source)
    if (windowRows !== undefined || input.bounded) return summary(input)
    throw new OptionError(
      'Expected option `windowRows` of driftSummary for a flow that does not end, got none',
    )
  }
}

function tableOf(
  { window, rows, fromId, toId }: WindowPlace,
  results: readonly WindowTest[],
): RecordBatch {
  return tableOfRows(
    schema,
    results.map((of) => [
      ...[window, fromId, toId, rows, of.column, of.test, of.values],
      ...[of.statistic, of.p, of.adjusted, of.drifted],
    ]),
  )
}
