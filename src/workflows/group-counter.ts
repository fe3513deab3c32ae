import type { RecordBatch } from 'apache-arrow'
import { column } from '../batch/batch.ts'

/** How many groups there are, and how many of them span splits. */
export interface GroupCounts {
  /** Groups of equal bytes. */
  readonly exactGroups: number
  /** Groups of look-alikes. */
  readonly nearGroups: number
  /** Groups of look-alikes that hold more than exact copies. */
  readonly lookAlikeGroups: number
  /** Groups with members in different splits. */
  readonly leaks: { readonly exact: number; readonly near: number }
}

/** Counts the groups of `groups.parquet`, whose members come group by group. Holds one group's splits. */
export class GroupCounter {
  readonly #groups = { exact: 0, near: 0 }
  readonly #leaks = { exact: 0, near: 0 }
  #lookAlikes = 0
  #current = ''
  #alike = false
  #splits = new Set<unknown>()

  /** Adds rows with `group`, `kind`, `by` and, where there are splits, `split`. */
  add(batch: RecordBatch): void {
    const groups = column(batch, 'group')
    const kinds = column(batch, 'kind')
    const reasons = column(batch, 'by')
    const splits = batch.getChild('split')
    for (let row = 0; row < batch.numRows; row++) {
      const kind = kinds.get(row) === 'exact' ? 'exact' : 'near'
      const group = `${kind} ${String(groups.get(row))}`
      if (group !== this.#current) {
        this.#current = group
        this.#splits = new Set()
        this.#alike = false
        this.#groups[kind]++
      }
      const by: unknown = reasons.get(row)
      if (kind === 'near' && by !== null && by !== 'hash' && !this.#alike) {
        this.#alike = true
        this.#lookAlikes++
      }
      const split: unknown = splits?.get(row) ?? null
      const before = this.#splits.size
      if (split !== null && this.#splits.add(split).size === 2 && before === 1) this.#leaks[kind]++
    }
  }

  /** What was counted. */
  counts(): GroupCounts {
    return {
      exactGroups: this.#groups.exact,
      nearGroups: this.#groups.near,
      lookAlikeGroups: this.#lookAlikes,
      leaks: { ...this.#leaks },
    }
  }
}
