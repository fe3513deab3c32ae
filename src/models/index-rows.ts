import { DataError } from '../errors.ts'
import type { Metric } from '../kernels/distance.ts'
import type { Matrix, ModelState } from './model.ts'

/** What both kinds of index are saved as. */
export const indexKind = 'neighbor-index'

/** The keys of an index, in the order of insertion, each once. */
export class IndexKeys {
  readonly #keys: string[] = []
  readonly #known = new Set<string>()

  /** How many there are. */
  get length(): number {
    return this.#keys.length
  }

  /** The keys. */
  get all(): readonly string[] {
    return this.#keys
  }

  /** The key of a row, null for −1. */
  at(row: number): string | null {
    return this.#keys[row] ?? null
  }

  /** Adds keys, all or none. */
  add(keys: readonly string[]): void {
    const fresh = new Set<string>()
    for (const key of keys) {
      if (this.#known.has(key) || fresh.has(key))
        throw new DataError(`Expected new keys, got \`${key}\` again`, { url: 'index' })
      fresh.add(key)
    }
    for (const key of keys) {
      this.#known.add(key)
      this.#keys.push(key)
    }
  }
}

/**
 * Rows as an index takes them: float32, of its length, finite.
 *
 * @throws {DataError} if they are not
 */
export function indexRows(rows: Matrix, columns: number): Float32Array<ArrayBuffer> {
  if (rows.columns !== columns)
    throw new DataError(`Expected rows of ${String(columns)} values, got ${String(rows.columns)}`, {
      url: 'index',
    })
  const values = Float32Array.from(rows.values.subarray(0, rows.rows * columns))
  for (const [at, value] of values.entries())
    if (!Number.isFinite(value))
      throw new DataError(
        `Expected finite float32 values, got ${String(value)} in row ${String(Math.floor(at / columns))}`,
        { url: 'index' },
      )
  return values
}

/** The parameters and keys of a saved index. */
export interface SavedIndex {
  /** How far apart rows are. */
  readonly metric: Metric
  /** Length of a row. */
  readonly columns: number
  /** The keys, by row. */
  readonly keys: readonly string[]
}

/**
 * Reads what both kinds of index save.
 *
 * @throws {DataError} if something is missing or wrong
 */
export function savedIndex(state: ModelState): SavedIndex {
  const url = state.origin ?? 'memory'
  const { metric, columns } = state.parameters
  if (metric !== 'cosine' && metric !== 'euclidean')
    throw new DataError(
      `Expected a metric of the index to be cosine or euclidean, got ${JSON.stringify(metric)}`,
      { url },
    )
  if (!Number.isSafeInteger(columns) || (columns as number) < 1)
    throw new DataError(
      `Expected columns of the index to be a positive integer, got ${JSON.stringify(columns)}`,
      { url },
    )
  const keys = state.arrays['keys']?.values
  if (!Array.isArray(keys) || keys.length !== state.rowsSeen)
    throw new DataError(
      `Expected ${String(state.rowsSeen)} keys of the index, got ${String(keys?.length)}`,
      { url },
    )
  return { metric, columns: columns as number, keys: keys as readonly string[] }
}
