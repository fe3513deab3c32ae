import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { clusterFields, type ClusterRule, clusterTable } from '../src/clusters/cluster-table.ts'
import { OptionError } from '../src/errors.ts'
import {
  knownOptions,
  nonEmptyString,
  oneOf,
  positiveInteger,
  trueOrFalse,
} from '../src/options.ts'
import { operateTable } from '../src/table/column-store.ts'

/** Options of {@link clusters}. */
export interface ClustersOptions {
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
   * Rows that make a cluster at least, 2 or more.
   *
   * @default √rows, from 5 to 100
   */
  readonly minClusterSize?: number
  /**
   * How many rows, itself among them, a row must have near to be dense: the more, the more rows are in no cluster.
   *
   * @default 3, or `minClusterSize` if that is less
   */
  readonly minSamples?: number
  /**
   * Which clusters: those that last longest over all densities (`eom`, excess of mass), or the smallest that do not
   * split further (`leaf`).
   *
   * @default 'eom'
   */
  readonly selection?: 'eom' | 'leaf'
  /**
   * Whether all rows may be one cluster.
   *
   * @default false
   */
  readonly allowSingleCluster?: boolean
}

const names = [
  ...(['column', 'metric', 'minClusterSize', 'minSamples'] as const),
  ...(['selection', 'allowSingleCluster'] as const),
]

/**
 * Finds clusters of any shape and density, and the rows that are in none, by HDBSCAN.
 *
 * - Rows: n to n, in input order. The flow must end.
 * - Columns: `id`, `embedding` (tensor) → `cluster` (Int32, numbered from 0 by first item; −1 for none),
 *   `cluster_probability` (Float64, 0 to 1: how much the row is in its cluster), `cluster_outlier` (Float64, 0 to 1: how
 *   far out it is of the densest part that it is near, GLOSH).
 * - Exact: the minimum spanning tree is that of all pairs. Equal distances are joined at once, so the clusters do not
 *   depend on the order of the rows. A distance of 0 counts as the least that is more.
 * - Nulls: a row without embedding gets nulls.
 * - State: blocks of embeddings (192 MiB, less if the run's memory asks for it), 240 bytes per row (12 more for each of
 *   `minSamples` above 16), the ids.
 * - Time: all pairs are compared by matrix products, a few times where clusters lie far apart.
 * - Output does not depend on the batches or threads.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong
 * @throws {SchemaError} if a column is missing or no tensor
 * @throws {DataError} on the stream, if a value is not finite
 * @see onlineClusters for a flow that does not end
 * @see R. Campello, D. Moulavi, J. Sander, "Density-based clustering based on hierarchical density estimates", 2013
 * @example
 * flow.pipe(clusters()) // => { id: 'a.png', cluster: 0, cluster_probability: 0.93, cluster_outlier: 0.07, … }
 */
export function clusters(
  options: ClustersOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  const rule = checkedRule(options)

  return operateTable({
    name: 'clusters',
    settings: { ...rule },
    schema: (input) => schemaOf(rule, input),
    // A block, the kernel's copy of it, and the rows that it is compared with.
    memoryBytes: { least: 3 * 2 ** 22, most: 3 * 2 ** 26 },
    holds: 'the ids, and 240 bytes per row',
    run: (table, _, memoryBytes) => clusterTable(table, rule, memoryBytes / 3),
  })
}

function schemaOf({ column }: ClusterRule, input: Schema): Schema {
  requireField(input, 'id', { owner: 'clusters', kind: 'text' })
  requireField(input, column, { owner: 'clusters', kind: 'tensor' })
  return schemaWith(input, clusterFields)
}

function checkedRule(options: ClustersOptions): ClusterRule {
  knownOptions('clusters', options, names)
  const { minClusterSize, minSamples } = options
  if (minClusterSize !== undefined && positiveInteger('minClusterSize', minClusterSize) < 2)
    throw new OptionError('Expected option `minClusterSize` to be an integer of at least 2, got 1')
  return {
    column: nonEmptyString('column', options.column ?? 'embedding'),
    metric: oneOf('metric', options.metric ?? 'cosine', ['cosine', 'euclidean']),
    minClusterSize,
    minSamples: positiveInteger('minSamples', minSamples ?? Math.min(3, minClusterSize ?? 3)),
    selection: oneOf('selection', options.selection ?? 'eom', ['eom', 'leaf']),
    allowSingleCluster: trueOrFalse('allowSingleCluster', options.allowSingleCluster ?? false),
  }
}
