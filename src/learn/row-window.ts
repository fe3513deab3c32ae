import type { Matrix } from '../models/model.ts'
import { sameKind } from '../batch/take-data.ts'

/** Collects up to a number of rows of a matrix; what is beyond is left out. */
export class RowWindow {
  readonly #capacity: number
  #values: Float32Array | Float64Array | undefined
  #groups: (string | null)[] | undefined
  #columns = 0
  #filled = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Rows that still fit. */
  get room(): number {
    return this.#capacity - this.#filled
  }

  /** Whether no more rows fit. */
  get full(): boolean {
    return this.room === 0
  }

  /** The rows, which stay. */
  get rows(): Matrix | undefined {
    if (!this.#values || this.#filled === 0) return undefined
    const values = this.#values.slice(0, this.#filled * this.#columns)
    const groups = this.#groups?.slice(0, this.#filled)
    return { rows: this.#filled, columns: this.#columns, values, ...(groups && { groups }) }
  }

  /** The rows, which are gone from here. */
  take(): Matrix | undefined {
    const { rows } = this
    this.#filled = 0
    return rows
  }

  /** Adds as many rows as fit. Copies. */
  push({ rows, columns, values, groups }: Matrix): void {
    if (rows === 0) return
    this.#columns = columns
    this.#values ??= sameKind(values, this.#capacity * columns)
    const count = Math.min(rows, this.room)
    this.#values.set(values.subarray(0, count * columns), this.#filled * columns)
    if (groups) {
      this.#groups ??= []
      this.#groups.splice(this.#filled, Infinity, ...groups.slice(0, count))
    }
    this.#filled += count
  }
}
