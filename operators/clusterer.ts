import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { clustererFields, clustererTable } from '../src/clusters/clusterer-table.ts'
import { knownOptions, nonEmptyString, oneOf, positiveInteger } from '../src/options.ts'
import { operateTable } from '../src/table/column-store.ts'

/** Options of {@link clusterer}. */
export interface ClustererOptions {
  /** Whose results are reproduced: DataEval's Clusterer of v0.65. */
  readonly profile: 'dataeval-0.65'
  /**
   * Column of embeddings.
   *
   * @default 'embedding'
   */
  readonly column?: string
  /**
   * Rows at most; for more the stream fails. Time grows with their square: 5,000 rows of 64 numbers took 14 s of one
   * processor.
   *
   * @default 5000
   */
  readonly maxRows?: number
}

/**
 * Finds outliers and duplicates as DataEval's Clusterer does, for whoever has to compare with it; `clusters` scales, and
 * says how much of an outlier a row is.
 *
 * - Rows: n to n, in input order. The flow must end.
 * - Columns: `embedding` (tensor; float64 is not rounded) → `outlier`, `potential_outlier` (Bool; a row may be both),
 *   `duplicate_group`, `potential_duplicate_group` (Int32, each numbered from 0 by first item; null without others).
 * - As there: single linkage by Euclidean distance; where no good cluster has 5 % of the rows (2 to 100 of them) there is
 *   no measure of what is near, and no duplicates are reported, not even equal rows.
 * - Nulls: a row without embedding gets nulls, as does one that is alone.
 * - State: 24 bytes per value while they are read, and about 200 per row. A thread does the work.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong; on the stream, if there are more rows than `maxRows`
 * @throws {SchemaError} if the column is missing or no tensor
 * @throws {DataError} on the stream, if a value is not finite
 * @see https://github.com/aria-ml/dataeval (v0.65.0, `dataeval.detectors.linters.Clusterer`)
 * @example
 * flow.pipe(clusterer({ profile: 'dataeval-0.65' })) // => { id: 'a.png', outlier: true, potential_outlier: false, … }
 */
export function clusterer(options: ClustererOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('clusterer', options, ['profile', 'column', 'maxRows'])
  const settings = {
    profile: oneOf('profile', options.profile, ['dataeval-0.65']),
    column: nonEmptyString('column', options.column ?? 'embedding'),
    maxRows: positiveInteger('maxRows', options.maxRows ?? 5000),
  }

  return operateTable({
    name: 'clusterer',
    settings,
    schema(input) {
      requireField(input, settings.column, { owner: 'clusterer', kind: 'tensor' })
      return schemaWith(input, clustererFields)
    },
    holds: '24 bytes per value, and 200 per row',
    run: (table) => clustererTable(table, settings),
  })
}
