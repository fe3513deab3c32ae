/** Rows that lie in a column file as one batch. */
export interface Piece {
  /** Number of the first row. */
  readonly row: number
  /** How many rows. */
  readonly rows: number
  /** Where the batch is in the file. */
  readonly offset: number
  /** How long it is. */
  readonly bytes: number
  /** Whether a block begins with it; else it goes on with the block of the piece before. */
  readonly begins: boolean
}

/** What a piece takes when it is saved: rows, bytes, and whether a block begins. */
const savedNumbers = 3

/**
 * Where the rows of a column file lie. A block is what is read at a time, and where it ends depends on
 * the rows alone; it lies in several pieces if a checkpoint was taken before it was full.
 */
export class ColumnPieces {
  readonly #start: number
  readonly #all: Piece[] = []

  /** Of a file whose first batch begins at `start`, as far as they were `saved`. */
  constructor(start: number, saved: Float64Array = new Float64Array()) {
    this.#start = start
    for (let at = 0; at < saved.length; at += savedNumbers) {
      const [rows = 0, bytes = 0, begins] = saved.subarray(at, at + savedNumbers)
      this.add({ rows, bytes, begins: begins === 1 })
    }
  }

  /** How many there are. */
  get length(): number {
    return this.#all.length
  }

  /** Rows in all of them. */
  get numRows(): number {
    const last = this.#all.at(-1)
    return last ? last.row + last.rows : 0
  }

  /** Where the next one begins. */
  get end(): number {
    const last = this.#all.at(-1)
    return last ? last.offset + last.bytes : this.#start
  }

  /** What it takes to know them again. */
  save(): Float64Array<ArrayBuffer> {
    const saved = new Float64Array(this.#all.length * savedNumbers)
    for (const [i, { rows, bytes, begins }] of this.#all.entries())
      saved.set([rows, bytes, begins ? 1 : 0], i * savedNumbers)
    return saved
  }

  /** Adds one at the end. */
  add(piece: Pick<Piece, 'rows' | 'bytes' | 'begins'>): void {
    this.#all.push({ ...piece, row: this.numRows, offset: this.end })
  }

  /** The one that has `row`. */
  at(row: number): Piece {
    return this.#all[this.#indexOf(row)] as Piece
  }

  /** The row behind the block that has `row`. */
  blockEnd(row: number): number {
    let next = this.#indexOf(row) + 1
    while (this.#all[next]?.begins === false) next++
    return this.#all[next]?.row ?? this.numRows
  }

  #indexOf(row: number): number {
    let low = 0
    let high = this.#all.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#all[middle] as Piece).row <= row) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Bytes of the saved form of so many pieces. */
export function savedBytes(pieces: number): number {
  return pieces * savedNumbers * Float64Array.BYTES_PER_ELEMENT
}
