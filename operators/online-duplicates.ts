import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { operate } from '../src/flow/operate.ts'
import { OnlineGroups, onlineGroupFields } from '../src/neighbors/online-groups.ts'
import { knownOptions, nonEmptyString, numberAtLeast, oneOf } from '../src/options.ts'

/** Options of {@link onlineDuplicates}. */
export interface OnlineDuplicatesOptions {
  /** Up to which distance two rows are near duplicates. */
  readonly distance: number
  /**
   * Column of embeddings.
   *
   * @default 'embedding'
   */
  readonly column?: string
  /**
   * How far apart two embeddings are: 1 − cos, or the length of their difference.
   *
   * @default 'cosine'
   */
  readonly metric?: 'cosine' | 'euclidean'
}

/**
 * Gives each row, as it comes, the nearest of the rows before it and its group of near duplicates.
 *
 * - Rows: n to n, in input order. No row waits for another.
 * - Columns: `id`, `embedding` (tensor) → `near_id` (Utf8), `near_distance` (Float64): the nearest row before it, near
 *   or not; `group_id` (Utf8): the id of the first row of its group, its own where it is near none; `merged_groups`
 *   (list of Utf8, mostly null): the groups that it ties to that one, which end with it.
 * - Groups: what hangs together by pairs within `distance`, as `duplicates` with linkage `single` finds them. When all
 *   rows have come the groups are these, in whatever order they came.
 * - Ties: the earlier row. A zero embedding is at cosine distance 1 from everything.
 * - Nulls: a row without embedding is nobody's neighbour and gets nulls.
 * - State: grows with the rows: 4 bytes per value, 4 more and the id for each. All are compared, exactly.
 * - Output does not depend on the batches.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong
 * @throws {SchemaError} if a column is missing or no tensor
 * @throws {DataError} on the stream, if a value is not finite or an id comes twice
 * @see groupChanges for the changes alone
 * @example
 * flow.pipe(onlineDuplicates({ distance: 0.05 })) // => { id: 'b.png', near_id: 'a.png', near_distance: 0.02, group_id: 'a.png', … }
 */
export function onlineDuplicates(
  options: OnlineDuplicatesOptions,
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('onlineDuplicates', options, ['distance', 'column', 'metric'])
  const settings = {
    distance: numberAtLeast('distance', options.distance, 0),
    column: nonEmptyString('column', options.column ?? 'embedding'),
    metric: oneOf('metric', options.metric ?? 'cosine', ['cosine', 'euclidean']),
  }

  return operate<RecordBatch, RecordBatch>({
    name: 'onlineDuplicates',
    learns: true,
    holds: '4 bytes per row and value of the embedding, 4 more and the id per row',
    settings,
    schema(input) {
      requireField(input, 'id', { owner: 'onlineDuplicates', kind: 'text' })
      requireField(input, settings.column, { owner: 'onlineDuplicates', kind: 'tensor' })
      return schemaWith(input, onlineGroupFields)
    },
    start: ({ run, signal }, { key }) =>
      new OnlineGroups({ ...settings, ...(run?.durable && { place: { run, key, signal } }) }),
  })
}
