/** Bytes are counted in units of so many, so that a 32-bit integer does. */
const unitBytes = 1024

/**
 * Room for decoded pictures that the threads of a pool share: whoever decodes takes the bytes first, and
 * waits while there is no room. A picture larger than all of it goes alone.
 */
export class PixelRoom {
  /** To be handed to other threads. */
  readonly shared: SharedArrayBuffer
  readonly #taken: Int32Array<SharedArrayBuffer>
  readonly #units: number

  /** Room for `bytes`, or the one that another thread made. */
  constructor(bytes: number, shared = new SharedArrayBuffer(4)) {
    this.shared = shared
    this.#taken = new Int32Array(shared)
    this.#units = Math.max(1, Math.floor(bytes / unitBytes))
  }

  /** Bytes taken. */
  get takenBytes(): number {
    return Atomics.load(this.#taken, 0) * unitBytes
  }

  /** Waits for room for `bytes` and takes it; returns what {@link give} gets back. */
  async take(bytes: number): Promise<number> {
    const units = Math.min(this.#units, Math.ceil(bytes / unitBytes))
    for (;;) {
      const taken = Atomics.load(this.#taken, 0)
      if (taken + units > this.#units) await Atomics.waitAsync(this.#taken, 0, taken).value
      else if (Atomics.compareExchange(this.#taken, 0, taken, taken + units) === taken) return units
    }
  }

  /** Gives back what {@link take} took. */
  give(units: number): void {
    Atomics.sub(this.#taken, 0, units)
    Atomics.notify(this.#taken, 0)
  }
}
