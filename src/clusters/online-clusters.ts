import { Field, List, type RecordBatch, Struct, Utf8, vectorFromArray } from 'apache-arrow'
import { withColumns } from '../batch/batch.ts'
import { DataError } from '../errors.ts'
import type { Step } from '../flow/operate.ts'
import { type Metric, rounding } from '../kernels/distance.ts'
import { kernel } from '../kernels/kernel.ts'
import { noHamming, type PairBlock } from '../kernels/near-pairs.ts'
import type { ClusterChange } from '../models/cluster-change.ts'
import {
  type DensityRule,
  DensityWindow,
  type DensityWindowState,
} from '../models/density-window.ts'
import { type PresentRows, presentRows } from '../neighbors/neighbor-search.ts'

/** How rows are clustered as they come. */
export interface OnlineClustering extends DensityRule {
  /** Column of embeddings. */
  readonly column: string
  /** How far apart rows are. */
  readonly metric: Metric
  /** Up to which distance a pair is near. */
  readonly distance: number
  /** Rows that are held at most. */
  readonly windowRows: number
}

/** What it takes to go on. */
interface OnlineClustersState {
  readonly rowsSeen: number
  readonly columns: number
  readonly values: Float32Array
  readonly window: DensityWindowState
}

/** The fields of a change. */
export const changeFields = [
  new Field('change', new Utf8(), false),
  new Field('cluster_id', new Utf8(), false),
  new Field('id', new Utf8(), true),
  new Field('from', new Utf8(), true),
]

/** The fields that are added. */
export const onlineClusterFields = [
  new Field('cluster_id', new Utf8(), true),
  new Field('cluster_changes', new List(new Field('item', new Struct(changeFields), false)), true),
]

/** Rows whose pairs are looked for at a time: their lists are in memory. */
const chunkRows = 256
/** Rows that are held against others at a time. */
const blockRows = 16_384
/** Near pairs that the kernel worker returns at a time, roughly. */
const pairsAtATime = 1_000_000

/** How many rows leave at a time when `windowRows` are held: an eighth. */
export function rowsToDrop(windowRows: number): number {
  return Math.ceil(windowRows / 8)
}

/** Follows the clusters of the rows that are held. Each row is answered as of its coming, whatever batch it comes in. */
export class OnlineClusters implements Step<RecordBatch, RecordBatch> {
  readonly #how: OnlineClustering
  readonly #limits: Float64Array
  readonly #window: DensityWindow
  readonly #ids = new Set<string>()
  #order: string[] = []
  #values = new Float32Array(0)
  #columns = 1
  #rowsSeen = 0

  constructor(how: OnlineClustering) {
    this.#how = how
    this.#window = new DensityWindow(how)
    const threshold = Math.max(how.distance, rounding(how.metric))
    this.#limits = new Float64Array(noHamming + 1).fill(threshold)
  }

  async *next(batch: RecordBatch): AsyncGenerator<RecordBatch> {
    const present = presentRows(batch, this.#how.column, this.#rowsSeen)
    this.#rowsSeen += batch.numRows
    const clusters = new Array<string | null>(batch.numRows).fill(null)
    const changes = new Array<readonly ClusterChange[] | null>(batch.numRows).fill(null)
    for (let from = 0; from < present.rows.length;) {
      const dropping = await this.#makeRoom()
      const room = this.#how.windowRows - this.#window.length
      const to = Math.min(present.rows.length, from + Math.min(room, chunkRows))
      const near = await this.#hold(present, from, to)
      for (let i = from; i < to; i++) {
        const row = present.rows[i] ?? 0
        const caused = this.#window.insert(present.ids[i] ?? '', near[i - from] ?? [])
        const all = i === from ? [...dropping, ...caused] : caused
        const number = this.#window.first + this.#window.length - 1
        clusters[row] = this.#window.clusterOf(number) ?? null
        if (all.length > 0) changes[row] = all
      }
      from = to
    }
    yield withColumns(batch, columnsOf(clusters, changes))
  }

  snapshot(): OnlineClustersState {
    return {
      rowsSeen: this.#rowsSeen,
      columns: this.#columns,
      values: this.#values.slice(0, this.#window.length * this.#columns),
      window: this.#window.save(),
    }
  }

  restore(saved: unknown): void {
    const state = saved as OnlineClustersState
    this.#rowsSeen = state.rowsSeen
    this.#columns = state.columns
    this.#values = state.values.slice()
    this.#window.restore(state.window)
    this.#order = [...state.window.ids]
    for (const id of this.#order) this.#ids.add(id)
  }

  /** Holds rows that fit; returns for each the numbers of those before it that are near. */
  async #hold(present: PresentRows, from: number, to: number): Promise<number[][]> {
    const { columns, values } = present.matrix
    const held = this.#window.length
    const first = this.#window.first + held
    const added = values.slice(from * columns, to * columns)
    this.#remember(present.ids.slice(from, to))
    this.#columns = columns
    this.#grow((held + to - from) * columns)
    this.#values.set(added, held * columns)
    const near = Array.from({ length: to - from }, (): number[] => [])
    const right = blockOf(first, added, columns)
    for (const left of this.#blocks(0, held + to - from))
      await this.#pairs(left, right, (one, other) => near[other - first]?.push(one))
    return near
  }

  /** Drops the oldest rows if no more can be held; returns what changes. */
  async #makeRoom(): Promise<readonly ClusterChange[]> {
    const held = this.#window.length
    if (held < this.#how.windowRows) return []
    const dropped = rowsToDrop(this.#how.windowRows)
    this.#window.beginDrop(dropped)
    for (const left of this.#blocks(0, dropped))
      for (const right of this.#blocks(dropped, held))
        await this.#pairs(left, right, (_, other) => {
          this.#window.lose(other)
        })
    for (const left of this.#blocks(dropped, held))
      for (const right of this.#blocks(dropped, held))
        if (right.offset >= left.offset)
          await this.#pairs(left, right, (one, other) => {
            this.#window.pair(one, other)
          })
    this.#values.copyWithin(0, dropped * this.#columns, held * this.#columns)
    for (const id of this.#order.splice(0, dropped)) this.#ids.delete(id)
    return this.#window.endDrop()
  }

  #remember(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#ids.has(id))
        throw new DataError(`Expected new ids, got \`${id}\` again`, { url: this.#how.column })
      this.#ids.add(id)
      this.#order.push(id)
    }
  }

  #grow(size: number): void {
    if (size <= this.#values.length) return
    const most = this.#how.windowRows * this.#columns
    const larger = new Float32Array(Math.min(most, Math.max(size, 2 * this.#values.length)))
    larger.set(this.#values)
    this.#values = larger
  }

  /** Copies of held rows, from place `from` to `to` (exclusive). */
  *#blocks(from: number, to: number): Generator<PairBlock> {
    const columns = this.#columns
    for (let at = from; at < to; at += blockRows) {
      const values = this.#values.slice(at * columns, Math.min(to, at + blockRows) * columns)
      yield blockOf(this.#window.first + at, values, columns)
    }
  }

  /** Tells the near pairs of rows of two blocks by number, the lower first, in order. */
  async #pairs(
    left: PairBlock,
    right: PairBlock,
    tell: (one: number, other: number) => unknown,
  ): Promise<void> {
    const { metric } = this.#how
    const rows = left.hasEmbedding.length
    const limits = this.#limits
    for (let from = 0; from < rows;) {
      const message = { columns: this.#columns, metric, left, right, limits, from }
      const found = await kernel().call('nearPairs', { ...message, maxPairs: pairsAtATime })
      for (let i = 0; i < found.first.length; i++) tell(found.first[i] ?? 0, found.second[i] ?? 0)
      from = found.next
    }
  }
}

function blockOf(offset: number, embeddings: Float32Array, columns: number): PairBlock {
  const numRows = embeddings.length / columns
  const hasEmbedding = new Uint8Array(numRows).fill(1)
  const hashes = new Uint32Array(2 * numRows)
  return { offset, embeddings, hasEmbedding, hashes, hasHash: new Uint8Array(numRows) }
}

function columnsOf(
  clusters: readonly (string | null)[],
  changes: readonly (readonly ClusterChange[] | null)[],
) {
  const listed = changes.map(
    (list) =>
      list?.map(({ change, cluster, id, from }) => ({ change, cluster_id: cluster, id, from })) ??
      null,
  )
  const values: readonly (readonly unknown[])[] = [clusters, listed]
  return onlineClusterFields.map((field, at) => ({
    field,
    vector: vectorFromArray([...(values[at] ?? [])], field.type),
  }))
}
