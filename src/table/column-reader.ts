import type { Data } from 'apache-arrow'
import { concatData } from '../batch/concat-data.ts'
import { decodeBatch, endOfStream } from '../batch/ipc.ts'
import type { Disk, DiskFile } from '../disk.ts'
import { DataError } from '../errors.ts'
import type { ColumnPieces, Piece } from './column-pieces.ts'

/** Reads rows of a column file, piece by piece. */
export class ColumnReader {
  readonly #path: string
  readonly #disk: Disk
  readonly #prefix: Uint8Array
  readonly #pieces: ColumnPieces
  #file: DiskFile | undefined
  #held: { readonly piece: Piece; readonly data: Data } | undefined

  constructor(path: string, disk: Disk, prefix: Uint8Array, pieces: ColumnPieces) {
    this.#path = path
    this.#disk = disk
    this.#prefix = prefix
    this.#pieces = pieces
  }

  /** Where the block that holds `row` ends. */
  endOf(row: number): number {
    return this.#pieces.blockEnd(row)
  }

  /** The rows `from` to `to` (half-open) in one batch; within a piece they are not copied. */
  async rows(from: number, to: number): Promise<Data> {
    const parts: Data[] = []
    for (let at = from; at < to;) {
      const piece = this.#pieces.at(at)
      const data = await this.#load(piece)
      const end = Math.min(to, piece.row + piece.rows)
      const whole = at === piece.row && end === piece.row + piece.rows
      parts.push(whole ? data : data.slice(at - piece.row, end - at))
      at = end
    }
    return concatData(parts)
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
    this.#held = undefined
  }

  async #load(piece: Piece): Promise<Data> {
    if (this.#held?.piece === piece) return this.#held.data
    this.#file ??= await this.#disk.open(this.#path, 'read')
    const prefix = this.#prefix.length
    const bytes = new Uint8Array(prefix + piece.bytes + endOfStream.length)
    const read = await this.#file.read(bytes.subarray(prefix, prefix + piece.bytes), piece.offset)
    if (read < piece.bytes)
      throw new DataError(
        `Expected ${String(piece.bytes)} bytes at ${String(piece.offset)} of ${this.#path}, got ${String(read)}`,
        { url: this.#path },
      )
    bytes.set(this.#prefix)
    bytes.set(endOfStream, prefix + piece.bytes)
    const data = decodeBatch(bytes).data.children[0] as Data
    this.#held = { piece, data }
    return data
  }
}
