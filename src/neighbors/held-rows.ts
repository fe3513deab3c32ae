import { IndexKeys } from '../models/index-rows.ts'
import type { PresentRows } from './neighbor-search.ts'

/** Rows of a block at most: what the kernel compares with at a time. */
const blockRows = 16_384

/** Rows that follow one another. */
export interface HeldBlock {
  /** Number of the first. */
  readonly offset: number
  /** Their values, row after row, in a buffer of their own. */
  readonly values: Float32Array
}

/** Rows that are held as they come, and their ids, each once. */
export class HeldRows {
  /** The ids, by number. */
  readonly ids = new IndexKeys()
  readonly #blocks: Float32Array[] = []

  /**
   * Adds rows, all of one length.
   *
   * @throws {DataError} if an id is there already
   */
  add({ matrix: { columns, values }, ids }: Pick<PresentRows, 'matrix' | 'ids'>): void {
    let row = this.ids.length
    this.ids.add(ids)
    for (let from = 0; from < values.length;) {
      const at = (row % blockRows) * columns
      const to = Math.min(values.length, from + blockRows * columns - at)
      const block = this.#roomFor(Math.floor(row / blockRows), at + to - from)
      block.set(values.subarray(from, to), at)
      row += (to - from) / columns
      from = to
    }
  }

  /** Copies of the rows, in blocks; the kernel's thread is given whole buffers. */
  *blocks(columns: number): Generator<HeldBlock> {
    for (const [i, block] of this.#blocks.entries()) {
      const offset = i * blockRows
      const numRows = Math.min(blockRows, this.ids.length - offset)
      yield { offset, values: block.slice(0, numRows * columns) }
    }
  }

  /** A block with room for so many values, those that it has among them. */
  #roomFor(block: number, size: number): Float32Array {
    const held = this.#blocks[block] ?? new Float32Array(0)
    if (size <= held.length) return held
    const larger = new Float32Array(Math.max(size, 2 * held.length))
    larger.set(held)
    return (this.#blocks[block] = larger)
  }
}
