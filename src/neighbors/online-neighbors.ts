import type { RecordBatch } from 'apache-arrow'
import { withColumns } from '../batch/batch.ts'
import { kernel } from '../kernels/kernel.ts'
import { neighborIndex } from '../models/indexes.ts'
import type { IndexKind, Matches, NeighborIndex } from '../models/neighbor-index.ts'
import { neighborColumns } from './neighbor-columns.ts'
import { type NeighborSearch, type PresentRows, presentRows } from './neighbor-search.ts'
import { RowLog, type RowLogPlace, type RowLogState } from './row-log.ts'
import type { Step } from '../flow/operate.ts'

/** What it takes to go on. */
interface OnlineState {
  readonly rowsSeen: number
  readonly log: RowLogState | undefined
}

/** How an online search goes. */
export interface OnlineSearch extends NeighborSearch {
  /** Kind of index. */
  readonly kind: IndexKind
  /** Rows that are inserted at a time. */
  readonly windowRows: number
  /** Called at the end with the index, which is closed afterwards. */
  readonly done: (index: NeighborIndex) => Promise<void>
  /** Where its rows are kept for checkpoints, in a run that has them. */
  readonly place?: RowLogPlace
}

/**
 * Searches each row among all rows before it: those of full windows by the index, those of the
 * open window exactly. A full window is inserted. So a row's answer does not depend on the batches.
 * In a run with checkpoints the rows are kept on disk too, for a resumed run to insert again.
 */
export class OnlineNeighbors implements Step<RecordBatch, RecordBatch> {
  readonly #search: OnlineSearch
  #index: NeighborIndex | undefined
  #log: RowLog | undefined
  #values = new Float32Array(0)
  #ids: string[] = []
  #rowsSeen = 0

  constructor(search: OnlineSearch) {
    this.#search = search
  }

  async *next(batch: RecordBatch): AsyncGenerator<RecordBatch> {
    const { column, k, windowRows } = this.#search
    const { matrix, rows, ids } = presentRows(batch, column, this.#rowsSeen)
    const keys: (string | null)[] = []
    const distances = new Float64Array(matrix.rows * k)
    for (let from = 0; from < matrix.rows;) {
      const to = Math.min(matrix.rows, from + windowRows - this.#ids.length)
      const values = matrix.values.slice(from * matrix.columns, to * matrix.columns)
      const found = await this.#searchAndKeep(values, matrix.columns, ids.slice(from, to))
      keys.push(...found.keys)
      distances.set(found.distances, from * k)
      from = to
    }
    this.#rowsSeen += batch.numRows
    yield withColumns(batch, neighborColumns({ k, keys, distances }, rows, batch.numRows))
  }

  async *flush(): AsyncGenerator<RecordBatch> {
    if (!this.#index) return
    await this.#insertWindow(this.#index)
    await this.#search.done(this.#index)
    yield* []
  }

  async snapshot(): Promise<OnlineState> {
    if (!this.#search.place) throw new Error('Expected a run with checkpoints, got none')
    return { rowsSeen: this.#rowsSeen, log: await this.#log?.save() }
  }

  async restore(state: unknown): Promise<void> {
    const { rowsSeen, log } = state as OnlineState
    const { place, windowRows } = this.#search
    this.#rowsSeen = rowsSeen
    if (!log || !place) return
    this.#log = await RowLog.reopen(place, log)
    for await (const { matrix, ids } of this.#log.read()) {
      const { columns } = matrix
      for (let from = 0; from < matrix.rows;) {
        const to = Math.min(matrix.rows, from + windowRows - this.#ids.length)
        this.#hold(matrix.values.subarray(from * columns, to * columns), ids.slice(from, to))
        await this.#insertIfFull(this.#opened(columns))
        from = to
      }
    }
  }

  async close(): Promise<void> {
    await this.#index?.close()
    await this.#log?.close()
  }

  /** Rows that fit into the open window: finds what is near them, and keeps them. */
  async #searchAndKeep(
    values: Float32Array,
    columns: number,
    ids: readonly string[],
  ): Promise<Matches> {
    const { k, metric } = this.#search
    const index = this.#opened(columns)
    const rows = ids.length
    const old = await index.search({ rows, columns, values }, k)
    const held = this.#ids.length
    this.#hold(values, ids)
    await this.#keep({ matrix: { rows, columns, values }, ids })
    const found = await kernel().call('nearest', {
      columns,
      queries: values,
      items: this.#values,
      itemOffset: 0,
      queryOffset: held,
      earlierOnly: true,
      k,
      metric,
      distances: new Float64Array(ids.length * k).fill(Infinity),
      rows: new Int32Array(ids.length * k).fill(-1),
    })
    const keys = Array.from(found.rows, (row) => this.#ids[row] ?? null)
    const merged = mergeMatches(old, { k, keys, distances: found.distances })
    await this.#insertIfFull(index)
    return merged
  }

  #opened(columns: number): NeighborIndex {
    const { kind, metric } = this.#search
    return (this.#index ??= neighborIndex(kind, metric, columns))
  }

  /** Adds rows to the open window. */
  #hold(values: Float32Array, ids: readonly string[]): void {
    const window = new Float32Array(this.#values.length + values.length)
    window.set(this.#values)
    window.set(values, this.#values.length)
    this.#values = window
    this.#ids.push(...ids)
  }

  /** Keeps rows for checkpoints. */
  async #keep(rows: Pick<PresentRows, 'matrix' | 'ids'>): Promise<void> {
    const { place } = this.#search
    if (!place || rows.ids.length === 0) return
    this.#log ??= await RowLog.create(place)
    await this.#log.push(rows)
  }

  async #insertIfFull(index: NeighborIndex): Promise<void> {
    if (this.#ids.length === this.#search.windowRows) await this.#insertWindow(index)
  }

  async #insertWindow(index: NeighborIndex): Promise<void> {
    const { columns } = index
    const rows = this.#ids.length
    if (rows > 0) await index.insert({ rows, columns, values: this.#values }, this.#ids)
    this.#values = new Float32Array(0)
    this.#ids = []
  }
}

/** The `k` nearest of both; of equals those of `a`, whose rows are earlier. */
function mergeMatches(a: Matches, b: Matches): Matches {
  const { k } = a
  const keys: (string | null)[] = []
  const distances = new Float64Array(a.keys.length).fill(Number.NaN)
  for (let from = 0; from < a.keys.length; from += k) {
    let i = from
    let j = from
    for (let at = from; at < from + k; at++) {
      const takeA =
        a.keys[i] != null &&
        (b.keys[j] == null || (a.distances[i] ?? Infinity) <= (b.distances[j] ?? Infinity))
      const key = (takeA ? a.keys[i] : b.keys[j]) ?? null
      keys.push(key)
      if (key !== null) distances[at] = (takeA ? a.distances[i] : b.distances[j]) ?? Number.NaN
      if (takeA) i++
      else j++
    }
  }
  return { k, keys, distances }
}
