import { cutShort } from '../storage/byte-source.ts'

/** Reads a stream of bytes from front to back, so many at a time. */
export class ByteCursor {
  readonly #pieces: AsyncIterator<Uint8Array>
  readonly #url: string
  /** What is left of the piece that came last. */
  #piece: Uint8Array = new Uint8Array()
  #at: number

  /** `at` is where the first piece begins. */
  constructor(pieces: AsyncIterable<Uint8Array>, { url, at }: { url: string; at: number }) {
    this.#pieces = pieces[Symbol.asyncIterator]()
    this.#url = url
    this.#at = at
  }

  /** Bytes before the next one. */
  get at(): number {
    return this.#at
  }

  /** Whether nothing follows. */
  async ended(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const next = await this.#pieces.next()
      if (next.done) return true
      this.#piece = next.value
    }
    return false
  }

  /**
   * The next `length` bytes, copied.
   *
   * @throws {DataError} if there are fewer
   */
  async take(length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length)
    await this.#through(length, (piece, at) => {
      out.set(piece, at)
    })
    return out
  }

  /**
   * Passes over `length` bytes.
   *
   * @throws {DataError} if there are fewer
   */
  async skip(length: number): Promise<void> {
    await this.#through(length, () => undefined)
  }

  /** Ends the stream. */
  async close(): Promise<void> {
    await this.#pieces.return?.()
  }

  async #through(length: number, visit: (piece: Uint8Array, at: number) => void): Promise<void> {
    const start = this.#at
    for (let done = 0; done < length;) {
      if (await this.ended()) throw cutShort(this.#url, start, { wanted: length, got: done })
      const piece = this.#piece.subarray(0, length - done)
      visit(piece, done)
      done += piece.length
      this.#piece = this.#piece.subarray(piece.length)
      this.#at += piece.length
    }
  }
}
