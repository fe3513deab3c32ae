import { Field, Float64, Int32, type RecordBatch, vectorFromArray } from 'apache-arrow'
import { batchOf } from '../batch/batch.ts'
import type { Metric } from '../kernels/distance.ts'
import { condensedTree } from '../models/condensed-tree.ts'
import { type ClusterSelection, densityClusters } from '../models/density-clusters.ts'
import { singleLinkage } from '../models/single-linkage.ts'
import { pieces } from '../neighbors/neighbor-search.ts'
import type { StoredTable } from '../table/column-store.ts'
import { tableTree } from './table-tree.ts'

/** How rows are clustered. */
export interface ClusterRule extends ClusterSelection {
  /** Column of embeddings. */
  readonly column: string
  /** How far apart rows are. */
  readonly metric: Metric
  /** Rows of a cluster at least; by default as suits the number of rows. */
  readonly minClusterSize: number | undefined
  /** Rows that a dense one has near, with itself. */
  readonly minSamples: number
}

/** The fields that are added. */
export const clusterFields = [
  new Field('cluster', new Int32(), true),
  new Field('cluster_probability', new Float64(), true),
  new Field('cluster_outlier', new Float64(), true),
]

/** √rows, from 5 to 100: a class of a small set is found, and a large set does not fall to pieces. */
export function clusterSizeFor(numRows: number): number {
  return Math.min(100, Math.max(5, Math.round(Math.sqrt(numRows))))
}

/** Yields for each row of a table its cluster and how much it is in it. */
export async function* clusterTable(
  table: StoredTable,
  rule: ClusterRule,
  blockBytes: number,
): AsyncGenerator<RecordBatch> {
  const edges = await tableTree(table, rule, blockBytes)
  const numRows = edges.weights.length + 1
  const { minClusterSize = clusterSizeFor(numRows) } = rule
  const tree = condensedTree(singleLinkage(edges), minClusterSize)
  const allowSingleCluster = rule.allowSingleCluster && numRows >= minClusterSize
  const found = densityClusters(tree, { selection: rule.selection, allowSingleCluster })
  const values = [found.labels, found.probabilities, found.outliers]
  let from = 0
  for await (const { rows, numRows: length } of pieces(table, rule)) {
    yield batchOf(
      clusterFields.map((field, at) => {
        const column = new Array<number | null>(length).fill(null)
        for (const [i, row] of rows.entries()) column[row] = values[at]?.[from + i] ?? null
        return { field, vector: vectorFromArray(column, field.type) }
      }),
    )
    from += rows.length
  }
}
