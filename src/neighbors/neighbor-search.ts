import type { RecordBatch } from 'apache-arrow'
import { batchOf, column } from '../batch/batch.ts'
import type { StoredTable } from '../table/column-store.ts'
import { type EmbeddingRows, embeddingRows } from './embedding-rows.ts'
import type { Metric } from '../kernels/distance.ts'
import { kernel } from '../kernels/kernel.ts'
import type { Matrix } from '../models/model.ts'
import type { Matches, NeighborIndex } from '../models/neighbor-index.ts'
import { neighborColumns } from './neighbor-columns.ts'

/** Rows of a block held against the others at most. */
const blockRows = 16_384

/** What to look for in a table. */
export interface NeighborSearch {
  /** Column of embeddings. */
  readonly column: string
  /** Neighbours per row. */
  readonly k: number
  /** How far apart rows are. */
  readonly metric: Metric
}

/** The rows of a batch that have an embedding. */
export interface PresentRows {
  /** Their embeddings. */
  readonly matrix: Matrix & { readonly values: Float32Array }
  /** Their places in the batch. */
  readonly rows: readonly number[]
  /** Their ids. */
  readonly ids: readonly string[]
}

/** The rows of `batch` with an embedding; `offset` is the number of the first row, for messages. */
export function presentRows(batch: RecordBatch, name: string, offset: number): PresentRows {
  const all = embeddingRows(batch, name, offset)
  const rows = [...all.present.keys()].filter((row) => all.present[row] === 1)
  const values = rows.length === batch.numRows ? all.values : pick(all, rows)
  const ids = column(batch, 'id')
  return {
    matrix: { rows: rows.length, columns: all.columns, values },
    rows,
    ids: rows.map((row) => String(ids.get(row))),
  }
}

function pick({ values, columns }: EmbeddingRows, rows: readonly number[]): Float32Array {
  const out = new Float32Array(rows.length * columns)
  for (const [i, row] of rows.entries())
    out.set(values.subarray(row * columns, (row + 1) * columns), i * columns)
  return out
}

/** The nearest other rows of those rows of a table that have an embedding. */
export interface TableNeighbors {
  /** Their ids. */
  readonly ids: readonly string[]
  /** `k` distances per row, ascending; ∞ where there are fewer. */
  readonly distances: Float64Array
  /** Numbers among these rows; −1 where there are fewer. */
  readonly rows: Int32Array
}

/**
 * Finds for each row of a table that has an embedding its nearest other rows, exactly. The table is read once per block
 * of 16,384 rows (or `blockBytes`), which is held against all rows; `k` distances per row and the ids stay in memory.
 * The block is there twice, the second time in the kernel's thread.
 */
export async function tableNeighbors(
  table: StoredTable,
  search: NeighborSearch,
  blockBytes: number,
): Promise<TableNeighbors> {
  const { k } = search
  const ids: string[] = []
  const distances = new Float64Array(table.numRows * k).fill(Infinity)
  const rows = new Int32Array(table.numRows * k).fill(-1)
  for await (const items of blocks(table, search, blockBytes)) {
    ids.push(...items.ids)
    let from = 0
    for await (const queries of pieces(table, search)) {
      const to = from + queries.matrix.rows
      const found = await kernel().call('nearest', {
        columns: items.matrix.columns,
        queries: queries.matrix.values,
        items: items.matrix.values,
        itemOffset: ids.length - items.matrix.rows,
        queryOffset: from,
        k,
        metric: search.metric,
        distances: distances.slice(from * k, to * k),
        rows: rows.slice(from * k, to * k),
      })
      distances.set(found.distances, from * k)
      rows.set(found.rows, from * k)
      from = to
    }
  }
  const used = ids.length * k
  return { ids, distances: distances.subarray(0, used), rows: rows.subarray(0, used) }
}

/** Yields for each row of a table its nearest other rows, as {@link tableNeighbors} finds them. */
export async function* nearestInTable(
  table: StoredTable,
  search: NeighborSearch,
  blockBytes: number,
): AsyncGenerator<RecordBatch> {
  const { k } = search
  const { ids, distances, rows } = await tableNeighbors(table, search, blockBytes)
  let from = 0
  for await (const piece of pieces(table, search)) {
    const to = from + piece.matrix.rows
    const found = {
      k,
      distances: distances.subarray(from * k, to * k),
      rows: rows.subarray(from * k, to * k),
    }
    const keys = Array.from(found.rows, (row) => ids[row] ?? null)
    yield batchOf(neighborColumns({ ...found, keys }, piece.rows, piece.numRows))
    from = to
  }
}

/** Yields for each row of a table its nearest other rows by an index, into which all rows are inserted first. */
export async function* nearestByIndex(
  table: StoredTable,
  search: NeighborSearch,
  index: NeighborIndex,
): AsyncGenerator<RecordBatch> {
  const { k } = search
  await insertTable(table, search, index)
  for await (const { matrix, ids, rows, numRows } of pieces(table, search)) {
    const found = await index.search(matrix, k + 1)
    yield batchOf(neighborColumns(withoutSelf(found, ids, k), rows, numRows))
  }
}

/** Inserts the rows of a table that have an embedding. */
export async function insertTable(
  table: StoredTable,
  search: NeighborSearch,
  index: NeighborIndex,
): Promise<void> {
  for await (const { matrix, ids } of pieces(table, search)) await index.insert(matrix, ids)
}

/** Takes each row's own id out of what was found for it, or else the farthest. */
function withoutSelf(found: Matches, ids: readonly string[], k: number): Matches {
  const keys: (string | null)[] = []
  const distances = new Float64Array(ids.length * k)
  for (const [i, id] of ids.entries()) {
    const from = i * (k + 1)
    const own = found.keys.slice(from, from + k + 1).indexOf(id)
    for (let j = 0; j < k; j++) {
      const at = from + j + (own >= 0 && j >= own ? 1 : 0)
      keys.push(found.keys[at] ?? null)
      distances[i * k + j] = found.distances[at] ?? Number.NaN
    }
  }
  return { k, keys, distances }
}

/** The present rows of a batch, and how many it has in all. */
export type TablePiece = PresentRows & { readonly numRows: number }

/** The rows of a table, as its reading cuts them. */
export async function* pieces(
  table: StoredTable,
  { column: name }: Pick<NeighborSearch, 'column'>,
): AsyncGenerator<TablePiece> {
  let offset = 0
  for await (const batch of table.read(['id', name])) {
    yield { ...presentRows(batch, name, offset), numRows: batch.numRows }
    offset += batch.numRows
  }
}

/** The rows of a table in as few blocks as memory allows. */
export async function* blocks(
  table: StoredTable,
  search: Pick<NeighborSearch, 'column'>,
  blockBytes: number,
): AsyncGenerator<PresentRows> {
  let held: PresentRows[] = []
  let rows = 0
  for await (const piece of pieces(table, search)) {
    const most = Math.min(blockRows, blockBytes / (4 * piece.matrix.columns))
    if (rows > 0 && rows + piece.matrix.rows > most) {
      yield join(held)
      held = []
      rows = 0
    }
    held.push(piece)
    rows += piece.matrix.rows
  }
  if (rows > 0) yield join(held)
}

function join(pieces: readonly PresentRows[]): PresentRows {
  const columns = pieces[0]?.matrix.columns ?? 1
  const rows = pieces.reduce((sum, piece) => sum + piece.matrix.rows, 0)
  const values = new Float32Array(rows * columns)
  let at = 0
  for (const { matrix } of pieces) {
    values.set(matrix.values, at)
    at += matrix.values.length
  }
  return {
    matrix: { rows, columns, values },
    rows: [],
    ids: pieces.flatMap((piece) => [...piece.ids]),
  }
}
