import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataError } from '../errors.ts'
import type { Metric } from '../kernels/distance.ts'
import { WorkerThread } from '../worker.ts'
import { requireKeys } from './exact-index.ts'
import type { HnswMethods } from './hnsw-worker.ts'
import { indexKind, IndexKeys, indexRows, savedIndex } from './index-rows.ts'
import { type Matrix, type ModelState, requireState } from './model.ts'
import type { Matches, NeighborIndex } from './neighbor-index.ts'

const version = 1

/**
 * Follows a graph of near rows (HNSW, usearch) in a thread of its own: approximate, recall@10
 * .98 on 20,000 uniform rows of 40 values (`bench/neighbors.ts`); distances are those of float32 arithmetic. About 360 bytes and
 * .12 ms per row of 40 values to insert. Rows are added by one thread, so equal input gives an equal index.
 *
 * A zero row has no direction: under `cosine` its distances are 1, as in the exact index.
 */
export class HnswIndex implements NeighborIndex {
  readonly kind = 'hnsw'
  readonly metric: Metric
  readonly columns: number
  readonly #keys = new IndexKeys()
  readonly #worker = new WorkerThread<HnswMethods>(import.meta.url, './hnsw-worker')
  readonly #created: Promise<void>
  #folder: string | undefined

  constructor(metric: Metric, columns: number) {
    this.metric = metric
    this.columns = columns
    this.#created = this.#worker.call('create', { metric, columns })
    this.#created.catch(() => undefined)
  }

  /**
   * The index that was saved. usearch ends the process with a segmentation fault on a damaged file, and
   * checksums can be made to fit: each number in the file is checked before ({@link checkUsearchFile}).
   */
  static async restore(state: ModelState): Promise<HnswIndex> {
    requireState(state, indexKind, version)
    const url = state.origin ?? 'memory'
    const { metric, columns, keys } = savedIndex(state)
    const path = state.files?.['index.usearch']
    if (path === undefined)
      throw new DataError('Expected the file `index.usearch` of the index, got none', { url })
    const index = new HnswIndex(metric, columns)
    try {
      await index.#created
      const shape = { numRows: keys.length, columns, metric }
      await index.#worker.call('load', { path, shape })
      index.#keys.add(keys)
      return index
    } catch (error) {
      await index.close()
      if (!(error instanceof Error) || error.name !== 'RangeError') throw error
      throw new DataError(
        `Expected an index in ${path}: ${error.message}`,
        { url },
        { cause: error },
      )
    }
  }

  get numRows(): number {
    return this.#keys.length
  }

  async insert(rows: Matrix, keys: readonly string[]): Promise<void> {
    requireKeys(rows, keys)
    const values = indexRows(rows, this.columns)
    const from = this.numRows
    this.#keys.add(keys)
    await this.#created
    await this.#worker.call('insert', { from, values }, [values.buffer])
  }

  async search(rows: Matrix, k: number): Promise<Matches> {
    const values = indexRows(rows, this.columns)
    await this.#created
    const found = await this.#worker.call('search', { values, k }, [values.buffer])
    const distances = found.distances.map((d) => this.#distance(d))
    return { k, keys: Array.from(found.rows, (row) => this.#keys.at(row)), distances }
  }

  /** usearch gives squared Euclidean distances, and cosines slightly below 0. */
  #distance(found: number): number {
    if (found === Infinity) return Number.NaN
    const distance = Math.max(0, found)
    return this.metric === 'euclidean' ? Math.sqrt(distance) : distance
  }

  async state(): Promise<ModelState> {
    await this.#created
    this.#folder ??= await mkdtemp(join(tmpdir(), 'millrace-index-'))
    const path = join(this.#folder, 'index.usearch')
    await this.#worker.call('save', { path })
    const { metric, columns, numRows } = this
    return {
      kind: indexKind,
      version,
      parameters: { index: 'hnsw', metric, columns },
      arrays: { keys: { shape: [numRows], values: [...this.#keys.all] } },
      files: { 'index.usearch': path },
      rowsSeen: numRows,
    }
  }

  async close(): Promise<void> {
    await this.#worker.close()
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
  }
}
