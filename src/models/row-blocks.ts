import { DataError } from '../errors.ts'
import type { Matrix } from './model.ts'

/** The largest block, in bytes, that a model hands to the kernel at a time. */
export const blockBytes = 32 * 2 ** 20

/**
 * Cuts rows into blocks of a fixed number of rows, so that what a model learns does not depend on
 * how its rows were batched. Holds less than one block and `leastRows`.
 */
export class RowBlocks {
  readonly #blockRows: number
  readonly #leastRows: number
  readonly #learn: (block: Matrix) => Promise<void>
  #block: Float32Array | Float64Array | undefined
  #columns: number | undefined
  #filled = 0

  /**
   * `learn` gets each block and may keep or transfer its values; `columns` are by default those of the first rows. A
   * last block of fewer than `leastRows` rows joins the one before.
   */
  constructor(
    blockRows: number,
    learn: (block: Matrix) => Promise<void>,
    { columns, leastRows = 0 }: { readonly columns?: number; readonly leastRows?: number } = {},
  ) {
    this.#blockRows = blockRows
    this.#leastRows = leastRows
    this.#learn = learn
    this.#columns = columns
  }

  /**
   * Takes any number of rows.
   *
   * @throws {DataError} if a value is not finite, or the columns or type of the rows change
   */
  async push(rows: Matrix): Promise<void> {
    requireFinite(rows)
    this.#columns ??= rows.columns
    requireColumns(rows, this.#columns)
    for (let from = 0; from < rows.rows;) {
      const count = Math.min(rows.rows - from, this.#heldRows - this.#filled)
      const part = rows.values.subarray(from * rows.columns, (from + count) * rows.columns)
      const block = (this.#block ??= this.#newBlock(rows.values))
      if (block.constructor !== part.constructor)
        throw new DataError(
          `Expected rows of ${block.constructor.name}, got ${part.constructor.name}`,
          { url: 'memory' },
        )
      block.set(part, this.#filled * rows.columns)
      this.#filled += count
      from += count
      if (this.#filled === this.#heldRows) await this.#next()
    }
  }

  /** Hands over the rows that do not fill a block. */
  async flush(): Promise<void> {
    const [block, rows, columns] = [this.#block, this.#filled, this.#columns ?? 0]
    this.#block = undefined
    this.#filled = 0
    if (!block || rows === 0) return
    const values = rows === this.#heldRows ? block : block.slice(0, rows * columns)
    await this.#learn({ rows, columns, values })
  }

  /** Hands over a block; the rows behind it, enough for one of their own, stay. */
  async #next(): Promise<void> {
    if (this.#leastRows === 0) return this.flush()
    const [block, columns] = [this.#block, this.#columns ?? 0]
    if (!block) return
    const end = this.#blockRows * columns
    this.#block = this.#newBlock(block)
    this.#block.set(block.subarray(end))
    this.#filled = this.#leastRows
    await this.#learn({ rows: this.#blockRows, columns, values: block.slice(0, end) })
  }

  /** A block, and what shows that the next is not too small. */
  get #heldRows(): number {
    return this.#blockRows + this.#leastRows
  }

  #newBlock(like: Float32Array | Float64Array): Float32Array | Float64Array {
    const size = this.#heldRows * (this.#columns ?? 0)
    return like instanceof Float32Array ? new Float32Array(size) : new Float64Array(size)
  }
}

/** The most rows, at most `mostRows`, of which one takes `rowBytes` and all fit in a block. */
export function rowsPerBlock(rowBytes: number, mostRows = 8192): number {
  return Math.max(1, Math.min(mostRows, Math.floor(blockBytes / rowBytes)))
}

/** The rows in blocks, each a copy that may be transferred. */
export function* blocksOf(rows: Matrix, blockRows: number): Generator<Matrix> {
  for (let from = 0; from < rows.rows; from += blockRows) {
    const to = Math.min(rows.rows, from + blockRows)
    const values = rows.values.slice(from * rows.columns, to * rows.columns)
    yield { rows: to - from, columns: rows.columns, values }
  }
}

/**
 * Checks that every value is a finite number.
 *
 * @throws {DataError} naming the first row and column that is not
 */
export function requireFinite({ values, columns }: Matrix): void {
  let zero = 0
  // By index: the iterator of a typed array takes ten times as long.
  for (let at = 0; at < values.length; at++) zero += (values[at] ?? 0) * 0
  if (zero === 0) return
  const at = values.findIndex((value) => !Number.isFinite(value))
  throw new DataError(
    `Expected finite numbers, got ${String(values[at])} in row ${String(Math.floor(at / columns))}, column ${String(at % columns)}`,
    { url: 'memory' },
  )
}

/**
 * Checks that the rows have as many columns as those before.
 *
 * @throws {DataError} if they do not
 */
export function requireColumns(rows: Matrix, columns: number): void {
  if (rows.columns === columns && rows.values.length === rows.rows * columns) return
  throw new DataError(
    `Expected rows of ${String(columns)} columns, got ${String(rows.values.length)} values in ${String(rows.rows)} rows of ${String(rows.columns)}`,
    { url: 'memory' },
  )
}
