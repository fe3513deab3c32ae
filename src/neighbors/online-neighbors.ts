import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { withColumns } from '../batch/batch.ts'
import { DataError } from '../errors.ts'
import { kernel } from '../kernels/kernel.ts'
import type { ModelState } from '../models/model.ts'
import { neighborIndex, restoreIndex } from '../models/indexes.ts'
import type { IndexKind, Matches, NeighborIndex } from '../models/neighbor-index.ts'
import { neighborColumns } from './neighbor-columns.ts'
import { type NeighborSearch, presentRows } from './neighbor-search.ts'
import type { Step } from '../flow/operate.ts'

/** What it takes to go on. */
interface OnlineState {
  readonly index: ModelState | undefined
  readonly files: Readonly<Record<string, { readonly bytes: Uint8Array; readonly sha256: string }>>
  readonly window: { readonly values: Float32Array; readonly ids: readonly string[] }
  readonly rowsSeen: number
}

/** How an online search goes. */
export interface OnlineSearch extends NeighborSearch {
  /** Kind of index. */
  readonly kind: IndexKind
  /** Rows that are inserted at a time. */
  readonly windowRows: number
  /** Called at the end with the index, which is closed afterwards. */
  readonly done: (index: NeighborIndex) => Promise<void>
}

/**
 * Searches each row among all rows before it: those of full windows by the index, those of the
 * open window exactly. A full window is inserted. So a row's answer does not depend on the batches.
 */
export class OnlineNeighbors implements Step<RecordBatch, RecordBatch> {
  readonly #search: OnlineSearch
  #index: NeighborIndex | undefined
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
    const index = await this.#index?.state()
    const files: Record<string, { bytes: Uint8Array; sha256: string }> = {}
    for (const [name, path] of Object.entries(index?.files ?? {})) {
      const bytes = await readFile(path)
      files[name] = { bytes, sha256: sha256(bytes) }
    }
    const window = { values: this.#values, ids: this.#ids }
    return { index, files, window, rowsSeen: this.#rowsSeen }
  }

  async restore(state: unknown): Promise<void> {
    const { index, files, window, rowsSeen } = state as OnlineState
    this.#rowsSeen = rowsSeen
    this.#values = Float32Array.from(window.values)
    this.#ids = [...window.ids]
    if (!index) return
    const folder = await mkdtemp(join(tmpdir(), 'millrace-index-'))
    try {
      const paths: Record<string, string> = {}
      for (const [name, file] of Object.entries(files)) {
        if (sha256(file.bytes) !== file.sha256)
          throw new DataError(`Expected \`${name}\` as it was saved, got another checksum`, {
            url: 'checkpoint',
          })
        paths[name] = join(folder, name)
        await writeFile(paths[name], file.bytes)
      }
      this.#index = await restoreIndex({ ...index, files: paths })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async close(): Promise<void> {
    await this.#index?.close()
  }

  /** Rows that fit into the open window: finds what is near them, and keeps them. */
  async #searchAndKeep(
    values: Float32Array,
    columns: number,
    ids: readonly string[],
  ): Promise<Matches> {
    const { k, metric, kind } = this.#search
    this.#index ??= neighborIndex(kind, metric, columns)
    const old = await this.#index.search({ rows: ids.length, columns, values }, k)
    const held = this.#ids.length
    const window = new Float32Array(this.#values.length + values.length)
    window.set(this.#values)
    window.set(values, this.#values.length)
    this.#values = window
    this.#ids.push(...ids)
    const found = await kernel().call('nearest', {
      columns,
      queries: values,
      items: window,
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
    if (this.#ids.length === this.#search.windowRows) await this.#insertWindow(this.#index)
    return merged
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

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
