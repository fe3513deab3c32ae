/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the rows that were added */
import type { Matrix } from './model.ts'

/**
 * A bounded sample of rows without regard to their order: those with the smallest keys, where a key is
 * a hash of the row. Parts sampled apart and merged are the sample of the whole. While there are no
 * more rows than `capacity` it is all of them.
 */
export class RowSample {
  readonly #capacity: number
  readonly #width: number
  #rows: { readonly key: number; readonly values: Float64Array }[] = []
  #limit = Infinity

  /** Of rows with `width` values; holds up to twice `capacity`. */
  constructor(capacity: number, width: number) {
    this.#capacity = capacity
    this.#width = width
  }

  /** Offers rows of values with their keys. */
  add(keys: Float64Array, values: Float32Array | Float64Array): void {
    keys.forEach((key, row) => {
      if (key > this.#limit) return
      const from = row * this.#width
      this.#keep(key, Float64Array.from(values.subarray(from, from + this.#width)))
    })
  }

  /** Offers the rows of another sample. */
  merge(other: RowSample): void {
    for (const { key, values } of other.#rows) if (key <= this.#limit) this.#keep(key, values)
  }

  /** The rows, by their values: what is drawn from them is the same where these differ in the last bits. */
  rows(): Matrix {
    this.#cut()
    const values = new Float64Array(this.#rows.length * this.#width)
    const sorted = this.#rows.toSorted((a, b) => compareValues(a.values, b.values))
    sorted.forEach((row, i) => {
      values.set(row.values, i * this.#width)
    })
    return { rows: this.#rows.length, columns: this.#width, values }
  }

  #keep(key: number, values: Float64Array): void {
    this.#rows.push({ key, values })
    if (this.#rows.length >= 2 * this.#capacity) this.#cut()
  }

  #cut(): void {
    this.#rows.sort((a, b) => a.key - b.key)
    this.#rows.length = Math.min(this.#rows.length, this.#capacity)
    if (this.#rows.length === this.#capacity) this.#limit = this.#rows.at(-1)!.key
  }
}

/** By the first value that differs. */
function compareValues(a: Float64Array, b: Float64Array): number {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!
  return 0
}

/**
 * A key in [0, 2⁵³) for each row, from its values alone: equal rows have equal keys.
 *
 * @see A. Appleby, MurmurHash3 (the mixing steps)
 */
export function hashRows({ rows, columns, values }: Matrix): Float64Array {
  const words = new Int32Array(values.buffer, values.byteOffset, values.byteLength / 4)
  const perRow = (columns * values.BYTES_PER_ELEMENT) / 4
  const keys = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    let a = 0x9747b28c
    let b = 0x3c6ef372
    for (let at = row * perRow; at < (row + 1) * perRow; at++) {
      const word = words[at]!
      a = Math.imul(a ^ word, 0xcc9e2d51)
      a = (a << 15) | (a >>> 17)
      b = Math.imul(b + word, 0x1b873593)
      b = (b << 13) | (b >>> 19)
    }
    keys[row] = (mixed(a ^ b) & 0x1fffff) * 2 ** 32 + (mixed(b) >>> 0)
  }
  return keys
}

function mixed(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
