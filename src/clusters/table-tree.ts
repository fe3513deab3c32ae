import { kernel } from '../kernels/kernel.ts'
import type { Metric } from '../kernels/distance.ts'
import type { ComponentRows } from '../kernels/nearest-foreign.ts'
import { coreDistances, SpanningTree, type TreeEdges } from '../models/minimum-spanning-tree.ts'
import { blocks, nearestRows, pieces } from '../neighbors/neighbor-search.ts'
import type { StoredTable } from '../table/column-store.ts'

/** Neighbours per row that are kept at least: most edges of a tree are among them. */
const neighbors = 15
/** Rows that are searched for at a time. */
const queryRows = 4096

/** What the distances are. */
export interface TreeSearch {
  /** Column of embeddings. */
  readonly column: string
  /** How far apart rows are. */
  readonly metric: Metric
  /** The row whose distance is a row's core distance, itself being the first. */
  readonly minSamples: number
}

/**
 * A minimum spanning tree of the mutual reachability distances of a table's rows that have an embedding, numbered in
 * their order. It is exact. The table is read in blocks as {@link nearestRows} does, once for the nearest
 * rows, and again for those rows whose component has no certain edge among them; each reading
 * compares only these with all, so that of clusters far apart it costs a few times the first.
 * Memory: 12 bytes per neighbour and row, about 60 per row, and two blocks.
 */
export async function tableTree(
  table: StoredTable,
  search: TreeSearch,
  blockBytes: number,
): Promise<TreeEdges> {
  const k = Math.max(neighbors, search.minSamples - 1)
  const found = await nearestRows(table, { ...search, k }, blockBytes)
  const nearest = { k, distances: found.distances, rows: found.rows }
  const cores = coreDistances(nearest, search.minSamples)
  const tree = new SpanningTree(nearest, cores)
  while (!tree.done) {
    const uncertain = tree.uncertain()
    if (uncertain) {
      await findForeign(table, { search, blockBytes, tree, cores, uncertain })
      tree.searched(uncertain)
    }
    tree.join()
  }
  return tree.edges()
}

interface ForeignSearch {
  readonly search: TreeSearch
  readonly blockBytes: number
  readonly tree: SpanningTree
  readonly cores: Float64Array
  /** Per row: 1 if it is searched for. */
  readonly uncertain: Uint8Array
}

/** Finds the nearest row of another component for the uncertain rows, among all rows. */
async function findForeign(table: StoredTable, how: ForeignSearch): Promise<void> {
  const { search, blockBytes, tree } = how
  const { metric } = search
  let itemOffset = 0
  for await (const { matrix } of blocks(table, search, blockBytes)) {
    const { columns } = matrix
    const allRows = Int32Array.from({ length: matrix.rows }, (_, i) => itemOffset + i)
    const items = withComponents(how, matrix.values, allRows)
    for await (const { rows, values } of uncertainRows(table, how)) {
      const queries = withComponents(how, values, rows)
      const found = await kernel().call('nearestForeign', {
        ...{ columns, metric, queries, items, itemOffset },
        distances: Float64Array.from(rows, (row) => tree.foreign.distances[row] ?? 0),
        rows: rows.map((row) => tree.foreign.rows[row] ?? -1),
      })
      for (const [i, row] of rows.entries()) {
        tree.foreign.distances[row] = found.distances[i] ?? 0
        tree.foreign.rows[row] = found.rows[i] ?? -1
      }
    }
    itemOffset += matrix.rows
  }
}

interface SomeRows {
  readonly rows: Int32Array
  readonly values: Float32Array
}

/** The uncertain rows and their values. */
async function* uncertainRows(
  table: StoredTable,
  { search, uncertain }: ForeignSearch,
): AsyncGenerator<SomeRows> {
  let rows: number[] = []
  let parts: Float32Array[] = []
  let from = 0
  let columns = 1
  for await (const { matrix } of pieces(table, search)) {
    const { values } = matrix
    columns = matrix.columns
    for (let i = 0; i < matrix.rows; i++) {
      if (uncertain[from + i] !== 1) continue
      rows.push(from + i)
      parts.push(values.slice(i * columns, (i + 1) * columns))
      if (rows.length < queryRows) continue
      yield joined(rows, parts, columns)
      rows = []
      parts = []
    }
    from += matrix.rows
  }
  if (rows.length > 0) yield joined(rows, parts, columns)
}

function joined(rows: number[], parts: Float32Array[], columns: number): SomeRows {
  const values = new Float32Array(rows.length * columns)
  for (const [i, part] of parts.entries()) values.set(part, i * columns)
  return { rows: Int32Array.from(rows), values }
}

function withComponents(
  { tree, cores }: ForeignSearch,
  values: Float32Array,
  rows: Int32Array,
): ComponentRows {
  return {
    values,
    components: rows.map((row) => tree.components[row] ?? 0),
    cores: Float64Array.from(rows, (row) => cores[row] ?? 0),
  }
}
