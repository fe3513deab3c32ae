import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { OnlineClusters, onlineClusterFields } from '../src/clusters/online-clusters.ts'
import { operate } from '../src/flow/operate.ts'
import {
  knownOptions,
  nonEmptyString,
  numberAtLeast,
  oneOf,
  positiveInteger,
} from '../src/options.ts'

/** Options of {@link onlineClusters}. */
export interface OnlineClustersOptions {
  /** Up to which distance two rows are near. `docs/clusters.md` says how to find one. */
  readonly distance: number
  /**
   * How many rows, itself among them, a row must have near to be dense.
   *
   * @default 3
   */
  readonly minSamples?: number
  /**
   * Dense rows that make a cluster at least.
   *
   * @default 5
   */
  readonly minClusterSize?: number
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
  /**
   * The latest rows, whose clusters are followed: so many at most. When they are there, an eighth of them, the oldest, leave
   * before the next row.
   *
   * @default 10000
   */
  readonly windowRows?: number
}

const names = ['distance', 'minSamples', 'minClusterSize', 'column', 'metric', 'windowRows']

/**
 * Follows clusters as rows come and old ones leave: each row gets its cluster, or none, and what it changes.
 *
 * - Rows: n to n, in input order. No row waits for another.
 * - Columns: `id`, `embedding` (tensor) → `cluster_id` (Utf8: the id of the first row that the cluster had when it formed; null
 *   while the row is in none, an outlier so far), `cluster_changes` (list of structs `change`, `cluster_id`, `id`, `from`, mostly null: what
 *   changed with this row). A later change may give an earlier row a cluster, another, or none.
 * - Clusters: dense rows that hang together by pairs within `distance` (DBSCAN*). At any time they are what the rows that
 *   are held have by themselves, in whatever order these came. Of clusters that merge the larger keeps its id, and of one that splits the largest
 *   part. An id that is to be given again gets `~2` behind it.
 * - Nulls: a row without embedding is nobody's neighbour and gets nulls.
 * - State: for each row of `windowRows` 4 bytes per value, its id, 60 bytes and 8 per `minSamples`; a checkpoint has all of it.
 * - Time: a row is compared with all that are held, and these with one another when rows leave: in all some 5 times
 *   `windowRows` per row. 30,000 rows of 64 numbers took 29 s of processor time.
 * - Output does not depend on the batches.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong
 * @throws {SchemaError} if a column is missing or no tensor
 * @throws {DataError} on the stream, if a value is not finite or an id comes twice among the rows that are held
 * @see clusterChanges for the changes alone
 * @see M. Ester and others, "Incremental clustering for mining in a data warehousing environment", 1998
 * @example
 * flow.pipe(onlineClusters({ distance: 0.1 })) // => { id: 'z.png', cluster_id: 'a.png', cluster_changes: [{ change: 'joined', … }], … }
 */
export function onlineClusters(
  options: OnlineClustersOptions,
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('onlineClusters', options, names)
  const settings = {
    distance: numberAtLeast('distance', options.distance, 0),
    minSamples: positiveInteger('minSamples', options.minSamples ?? 3),
    minClusterSize: positiveInteger('minClusterSize', options.minClusterSize ?? 5),
    column: nonEmptyString('column', options.column ?? 'embedding'),
    metric: oneOf('metric', options.metric ?? 'cosine', ['cosine', 'euclidean']),
    windowRows: positiveInteger('windowRows', options.windowRows ?? 10_000),
  }

  return operate<RecordBatch, RecordBatch>({
    name: 'onlineClusters',
    learns: true,
    holds: `4 bytes per value and 60 to 100 and the id per row, of ${String(settings.windowRows)} rows`,
    settings,
    schema(input) {
      requireField(input, 'id', { owner: 'onlineClusters', kind: 'text' })
      requireField(input, settings.column, { owner: 'onlineClusters', kind: 'tensor' })
      return schemaWith(input, onlineClusterFields)
    },
    start: () => new OnlineClusters(settings),
  })
}
