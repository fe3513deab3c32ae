import type { RecordBatch } from 'apache-arrow'
import { batchOf, column } from '../batch/batch.ts'
import type { StoredTable } from '../table/column-store.ts'
import { type EmbeddingRows, embeddingRows, presence } from './embedding-rows.ts'
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
  /** Column that a row must have a value in, if it is to be there at all. */
  readonly having?: string
}

/** The nearest others of each row that has an embedding; these rows are numbered in their order. */
export interface NearestRows {
  /** Their ids. */
  readonly ids: readonly string[]
  /** The number of each in the table. */
  readonly places: Int32Array
  /** `k` distances per row, ascending; ∞ where there are fewer. */
  readonly distances: Float64Array
  /** The numbers of those rows; −1 where there are fewer. */
  readonly rows: Int32Array
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

/**
 * The rows of `batch` with an embedding, and with a value in the column `having` if there is one; `offset` is the number
 * of the first row, for messages.
 */
export function presentRows(
  batch: RecordBatch,
  name: string,
  offset: number,
  having?: string,
): PresentRows {
  const all = embeddingRows(batch, name, offset)
  const also = having === undefined ? undefined : presence(column(batch, having))
  const rows = [...all.present.keys()].filter((row) => all.present[row] === 1 && also?.[row] !== 0)
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

/** Yields for each row of a table its nearest other rows, exactly; see {@link nearestRows}. */
export async function* nearestInTable(
  table: StoredTable,
  search: NeighborSearch,
  blockBytes: number,
): AsyncGenerator<RecordBatch> {
  const { k } = search
  const { ids, distances, rows } = await nearestRows(table, search, blockBytes)
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

/**
 * Finds for each row of a table its nearest other rows, exactly. The table is read once per block
 * of 16,384 rows (or `blockBytes`), which is held against all rows; `k` distances per row and the ids stay in memory.
 * The block is there twice, the second time in the kernel's thread.
 */
export async function nearestRows(
  table: StoredTable,
  search: NeighborSearch,
  blockBytes: number,
): Promise<NearestRows> {
  const { k } = search
  const ids: string[] = []
  const places = new Int32Array(table.numRows)
  const distances = new Float64Array(table.numRows * k).fill(Infinity)
  const rows = new Int32Array(table.numRows * k).fill(-1)
  for await (const items of blocks(table, search, blockBytes)) {
    places.set(items.rows, ids.length)
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
  const count = ids.length
  return {
    ids,
    places: places.subarray(0, count),
    distances: distances.subarray(0, count * k),
    rows: rows.subarray(0, count * k),
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

/** The present rows of a batch, how many it has in all, and the number of the first. */
export type TablePiece = PresentRows & { readonly numRows: number; readonly offset: number }

/** The rows of a table, as its reading cuts them. */
export async function* pieces(
  table: StoredTable,
  { column: name, having }: Pick<NeighborSearch, 'column' | 'having'>,
): AsyncGenerator<TablePiece> {
  let offset = 0
  const read = having === undefined ? ['id', name] : ['id', name, having]
  for await (const batch of table.read(read)) {
    yield { ...presentRows(batch, name, offset, having), numRows: batch.numRows, offset }
    offset += batch.numRows
  }
}

/** The rows of a table in as few blocks as memory allows. */
export async function* blocks(
  table: StoredTable,
  search: Pick<NeighborSearch, 'column' | 'having'>,
  blockBytes: number,
): AsyncGenerator<PresentRows> {
  let held: TablePiece[] = []
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

/** The rows of pieces as one; `rows` are their numbers in the table. */
function join(pieces: readonly TablePiece[]): PresentRows {
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
    rows: pieces.flatMap((piece) => piece.rows.map((row) => piece.offset + row)),
    ids: pieces.flatMap((piece) => [...piece.ids]),
  }
}
