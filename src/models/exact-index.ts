import { DataError } from '../errors.ts'
import type { Metric } from '../kernels/distance.ts'
import { kernel } from '../kernels/kernel.ts'
import { type Matrix, type ModelState, requireState } from './model.ts'
import { indexKind, IndexKeys, indexRows, savedIndex } from './index-rows.ts'
import type { Matches, NeighborIndex } from './neighbor-index.ts'

const version = 1
/** Rows that a search compares with at a time. */
const blockRows = 16_384

/**
 * Compares with every row, in blocks through the kernel worker: exact, in float64, ties by the
 * earlier row. Holds the rows: 4 bytes per value. A search costs 2 · rows · columns operations per query.
 */
export class ExactIndex implements NeighborIndex {
  readonly kind = 'exact'
  readonly metric: Metric
  readonly columns: number
  readonly #keys = new IndexKeys()
  #values: Float32Array

  constructor(metric: Metric, columns: number) {
    this.metric = metric
    this.columns = columns
    this.#values = new Float32Array(0)
  }

  /** The index that was saved. */
  static restore(state: ModelState): ExactIndex {
    requireState(state, indexKind, version)
    const { metric, columns, keys } = savedIndex(state)
    const index = new ExactIndex(metric, columns)
    const values = state.arrays['rows']?.values
    if (!(values instanceof Float32Array) || values.length !== keys.length * columns)
      throw new DataError(
        `Expected ${String(keys.length)} rows of ${String(columns)} float32 values in the index, got ${String(values?.length)} values`,
        { url: state.origin ?? 'memory' },
      )
    index.#keys.add(keys)
    index.#values = indexRows({ rows: keys.length, columns, values }, columns)
    return index
  }

  get numRows(): number {
    return this.#keys.length
  }

  insert(rows: Matrix, keys: readonly string[]): Promise<void> {
    return Promise.resolve().then(() => {
      this.#insert(rows, keys)
    })
  }

  #insert(rows: Matrix, keys: readonly string[]): void {
    requireKeys(rows, keys)
    const values = indexRows(rows, this.columns)
    const used = this.numRows * this.columns
    this.#keys.add(keys)
    if (used + values.length > this.#values.length) {
      const larger = new Float32Array(Math.max(used + values.length, 2 * this.#values.length))
      larger.set(this.#values.subarray(0, used))
      this.#values = larger
    }
    this.#values.set(values, used)
  }

  async search(rows: Matrix, k: number): Promise<Matches> {
    const queries = indexRows(rows, this.columns)
    let found = {
      distances: new Float64Array(rows.rows * k).fill(Infinity),
      rows: new Int32Array(rows.rows * k).fill(-1),
    }
    const numRows = this.numRows
    for (let from = 0; from < numRows; from += blockRows) {
      const to = Math.min(numRows, from + blockRows)
      const items = this.#values.slice(from * this.columns, to * this.columns)
      const { columns, metric } = this
      const message = { columns, queries, items, itemOffset: from, k, metric, ...found }
      found = (await kernel().call('nearest', message)) as typeof found
    }
    const keys = Array.from(found.rows, (row) => this.#keys.at(row))
    return { k, keys, distances: found.distances.map((d) => (d === Infinity ? Number.NaN : d)) }
  }

  state(): Promise<ModelState> {
    const { columns, metric, numRows } = this
    const values = this.#values.slice(0, numRows * columns)
    return Promise.resolve({
      kind: indexKind,
      version,
      parameters: { index: 'exact', metric, columns },
      arrays: {
        rows: { shape: [numRows, columns], values },
        keys: { shape: [numRows], values: [...this.#keys.all] },
      },
      rowsSeen: numRows,
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** Checks that there is one key per row. */
export function requireKeys(rows: Matrix, keys: readonly string[]): void {
  if (keys.length !== rows.rows)
    throw new DataError(
      `Expected a key for each of ${String(rows.rows)} rows, got ${String(keys.length)}`,
      { url: 'index' },
    )
}
