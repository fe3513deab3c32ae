import { Field, Float64, List, type RecordBatch, Utf8, vectorFromArray } from 'apache-arrow'
import { withColumns } from '../batch/batch.ts'
import type { Step } from '../flow/operate.ts'
import { type Metric, rounding } from '../kernels/distance.ts'
import { kernel } from '../kernels/kernel.ts'
import type { Nearest } from '../kernels/nearest.ts'
import { noHamming, type PairBlock } from '../kernels/near-pairs.ts'
import { UnionFind } from '../models/union-find.ts'
import { HeldRows } from './held-rows.ts'
import { type PresentRows, presentRows } from './neighbor-search.ts'
import { RowLog, type RowLogPlace, type RowLogState } from './row-log.ts'

/** How rows are grouped as they come. */
export interface OnlineGrouping {
  /** Column of embeddings. */
  readonly column: string
  /** How far apart rows are. */
  readonly metric: Metric
  /** Up to which distance a pair is near. */
  readonly distance: number
  /** Where the rows are kept for checkpoints, in a run that has them. */
  readonly place?: RowLogPlace
}

/** What it takes to go on. */
interface OnlineGroupsState {
  readonly rowsSeen: number
  readonly groups: Int32Array
  readonly log: RowLogState | undefined
}

/** The fields that are added. */
export const onlineGroupFields = [
  new Field('near_id', new Utf8(), true),
  new Field('near_distance', new Float64(), true),
  new Field('group_id', new Utf8(), true),
  new Field('merged_groups', new List(new Field('item', new Utf8(), false)), true),
]

/** Near pairs that the kernel worker returns at a time, roughly. */
const pairsAtATime = 1_000_000

/**
 * Searches each row among all rows before it, and joins the groups of all that are near. So a row's
 * answer does not depend on the batches, and the groups at the end not on the order of the rows.
 */
export class OnlineGroups implements Step<RecordBatch, RecordBatch> {
  readonly #grouping: OnlineGrouping
  readonly #threshold: number
  readonly #rows = new HeldRows()
  #groups = new UnionFind()
  #log: RowLog | undefined
  #rowsSeen = 0

  constructor(grouping: OnlineGrouping) {
    this.#grouping = grouping
    this.#threshold = Math.max(grouping.distance, rounding(grouping.metric))
  }

  async *next(batch: RecordBatch): AsyncGenerator<RecordBatch> {
    const present = presentRows(batch, this.#grouping.column, this.#rowsSeen)
    this.#rowsSeen += batch.numRows
    const answers = present.ids.length > 0 ? await this.#group(present) : []
    const byRow = new Array<readonly unknown[]>(batch.numRows).fill([])
    for (const [i, row] of present.rows.entries()) byRow[row] = answers[i] ?? []
    const columns = onlineGroupFields.map((field, at) => ({
      field,
      vector: vectorFromArray(
        byRow.map((values) => values[at] ?? null),
        field.type,
      ),
    }))
    yield withColumns(batch, columns)
  }

  async snapshot(): Promise<OnlineGroupsState> {
    if (!this.#grouping.place) throw new Error('Expected a run with checkpoints, got none')
    const log = await this.#log?.save()
    return { rowsSeen: this.#rowsSeen, groups: this.#groups.save(), log }
  }

  async restore(state: unknown): Promise<void> {
    const { rowsSeen, groups, log } = state as OnlineGroupsState
    this.#rowsSeen = rowsSeen
    this.#groups = UnionFind.restore(groups)
    if (!log || !this.#grouping.place) return
    this.#log = await RowLog.reopen(this.#grouping.place, log)
    for await (const rows of this.#log.read()) this.#rows.add(rows)
  }

  async close(): Promise<void> {
    await this.#log?.close()
  }

  /** For each row the values of the fields. */
  async #group(present: PresentRows): Promise<readonly unknown[][]> {
    const first = this.#rows.ids.length
    await this.#hold(present)
    const { distances, rows } = await this.#nearest(first, present)
    const near = Uint8Array.from(distances, (distance) => (distance <= this.#threshold ? 1 : 0))
    const tied = near.includes(1)
      ? await this.#tiedTo(first, present, near)
      : new Map<number, Set<number>>()
    const { ids } = this.#rows
    return present.ids.map((_, i) => {
      const { group, merged } = this.#join(first + i, tied.get(first + i) ?? [])
      const nearId = ids.at(rows[i] ?? -1)
      return [
        nearId,
        nearId === null ? null : distances[i],
        ids.at(group),
        merged.length > 0 ? merged.map((other) => ids.at(other)) : null,
      ]
    })
  }

  async #hold(present: PresentRows): Promise<void> {
    const { place } = this.#grouping
    this.#rows.add(present)
    while (this.#groups.length < this.#rows.ids.length) this.#groups.add()
    if (!place) return
    this.#log ??= await RowLog.create(place)
    await this.#log.push(present)
  }

  /** The nearest row before each, by number. */
  async #nearest(
    first: number,
    { matrix: { columns, values, rows } }: PresentRows,
  ): Promise<Nearest> {
    let found: Nearest = {
      distances: new Float64Array(rows).fill(Infinity),
      rows: new Int32Array(rows).fill(-1),
    }
    for (const { offset, values: items } of this.#rows.blocks(columns))
      found = await kernel().call('nearest', {
        ...{ columns, items, itemOffset: offset, queries: values, queryOffset: first },
        ...{ earlierOnly: true, k: 1, metric: this.#grouping.metric },
        ...found,
      })
    return found
  }

  /** For each row that has a near one before it: one row of each group that it ties. */
  async #tiedTo(
    first: number,
    { matrix: { columns, values } }: PresentRows,
    near: Uint8Array,
  ): Promise<Map<number, Set<number>>> {
    const tied = new Map<number, Set<number>>()
    const right = blockOf(first, values, near)
    const limits = new Float64Array(noHamming + 1).fill(this.#threshold)
    const { metric } = this.#grouping
    for (const { offset, values: items } of this.#rows.blocks(columns)) {
      const numRows = items.length / columns
      const left = blockOf(offset, items, new Uint8Array(numRows).fill(1))
      for (let from = 0; from < numRows;) {
        const message = { columns, metric, left, right, limits, from, maxPairs: pairsAtATime }
        const found = await kernel().call('nearPairs', message)
        for (const [i, row] of found.second.entries()) {
          const ties = tied.get(row) ?? new Set<number>()
          tied.set(row, ties.add(this.#groups.find(found.first[i] ?? 0)))
        }
        from = found.next
      }
    }
    return tied
  }

  /** Puts a row into the earliest of the groups that it ties; the others are merged into that. */
  #join(row: number, ties: Iterable<number>): { group: number; merged: readonly number[] } {
    const groups = [...new Set([...ties].map((tie) => this.#groups.find(tie)))].sort(
      (a, b) => a - b,
    )
    for (const group of groups) this.#groups.unite(group, row)
    const [group = row, ...merged] = groups
    return { group, merged }
  }
}

function blockOf(offset: number, embeddings: Float32Array, hasEmbedding: Uint8Array): PairBlock {
  const numRows = hasEmbedding.length
  const hashes = new Uint32Array(2 * numRows)
  return { offset, embeddings, hasEmbedding, hashes, hasHash: new Uint8Array(numRows) }
}
