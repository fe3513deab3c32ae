import type { RecordBatch } from 'apache-arrow'
import { concat, rowBytes } from './batch.ts'

/** Where batches are cut. */
export interface BatchLimits {
  /** Most rows. */
  readonly rows: number
  /** Most bytes, by what each row takes itself; a row that takes more comes alone. */
  readonly bytes: number
}

/** How much of a batch has come. */
export interface BatchFill {
  /** Rows. */
  readonly rows: number
  /** Bytes, by what each row takes itself. */
  readonly bytes: number
}

/** So many batches are joined when they are held: each takes some kilobytes beside its rows, which may be few. */
const looseBatches = 64

/**
 * Cuts a stream of rows into batches as full as the limits allow. Where it cuts depends on the
 * rows alone, not on the batches that they came in.
 *
 * Holds less than one batch that is full; the rest of a batch pushed is held as a slice of it.
 */
export class Rebatcher {
  /** Where it cuts. */
  readonly limits: BatchLimits
  #held: RecordBatch[] = []
  /** How many of them, at the end, came since some were joined. */
  #loose = 0
  #rows = 0
  #bytes = 0

  /** `fill`: how much of the first batch has been taken by {@link Rebatcher.part}. */
  constructor(limits: BatchLimits, fill: BatchFill = { rows: 0, bytes: 0 }) {
    this.limits = limits
    this.#rows = fill.rows
    this.#bytes = fill.bytes
  }

  /** How much of the next batch has come, with what was taken by {@link Rebatcher.part}. */
  get fill(): BatchFill {
    return { rows: this.#rows, bytes: this.#bytes }
  }

  /** The batches that became full with the rows of `batch`. */
  *push(batch: RecordBatch): Generator<RecordBatch, undefined> {
    const bytes = rowBytes(batch)
    let from = 0
    for (let row = 0; row < batch.numRows; row++) {
      const size = bytes[row] as number
      if (this.#rows > 0 && this.#bytes + size > this.limits.bytes) {
        yield this.#cut(batch, from, row)
        from = row
      }
      this.#rows++
      this.#bytes += size
      if (this.#rows < this.limits.rows) continue
      yield this.#cut(batch, from, row + 1)
      from = row + 1
    }
    this.#hold(batch, from, batch.numRows)
  }

  /** The rows held, as the last batch. */
  *flush(): Generator<RecordBatch, undefined> {
    const held = this.part()
    this.#rows = this.#bytes = 0
    if (held) yield held
  }

  /**
   * The rows held, which are taken as a part of a batch that is not full. It is cut where it would have
   * been; what comes out then is the rest of it, which may have no rows.
   */
  part(): RecordBatch | undefined {
    const held = this.held()
    this.#held = []
    return held
  }

  /** The rows held, which stay held. */
  held(): RecordBatch | undefined {
    this.#join(this.#held.length)
    return this.#held[0]
  }

  #cut(batch: RecordBatch, from: number, to: number): RecordBatch {
    this.#hold(batch, from, to)
    const full = this.part() ?? batch.slice(0, 0)
    this.#rows = this.#bytes = 0
    return full
  }

  #hold(batch: RecordBatch, from: number, to: number): void {
    if (from === to) return
    this.#held.push(from === 0 && to === batch.numRows ? batch : batch.slice(from, to))
    if (++this.#loose === looseBatches) this.#join(looseBatches)
  }

  /** Makes one of the last `count` batches held. */
  #join(count: number): void {
    if (count > 1) this.#held.push(concat(this.#held.splice(-count)))
    this.#loose = 0
  }
}
