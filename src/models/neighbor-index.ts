import type { Metric } from '../kernels/distance.ts'
import type { Matrix, ModelState } from './model.ts'

/** Kinds of index: compare with every row, or follow a graph of near rows (approximate). */
export type IndexKind = 'exact' | 'hnsw'

/** What a search found. */
export interface Matches {
  /** Neighbours asked for per row. */
  readonly k: number
  /** `k` keys per row, nearest first; null where there are fewer. */
  readonly keys: readonly (string | null)[]
  /** Their distances; NaN where there are fewer. */
  readonly distances: Float64Array
}

/**
 * Rows with keys, to be searched for the nearest. Not a fitted model: it grows by insertion, so two
 * indexes merge by inserting the rows of one into the other.
 */
export interface NeighborIndex {
  /** Which of the two it is. */
  readonly kind: IndexKind
  /** How far apart rows are. */
  readonly metric: Metric
  /** Length of a row. */
  readonly columns: number
  /** Rows inserted. */
  readonly numRows: number
  /**
   * Adds rows, one key each; all or none.
   *
   * @throws {DataError} if a key is there already, a value is not finite, or a row has another length
   */
  insert(rows: Matrix, keys: readonly string[]): Promise<void>
  /** The `k` nearest of the rows inserted, ties by the earlier row. */
  search(rows: Matrix, k: number): Promise<Matches>
  /** All it takes to make the index again; its files are those of the index until it is closed. */
  state(): Promise<ModelState>
  /** Releases threads and files. */
  close(): Promise<void>
}
