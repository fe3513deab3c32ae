interface Entry<T> {
  readonly rank: number
  readonly order: number
  readonly value: T
}

/**
 * Keeps the `capacity` values of least rank, of those offered; of equal rank the earlier ones.
 * A heap with the worst on top: offering costs the logarithm of what is held.
 */
export class Best<T> {
  readonly #capacity: number
  readonly #heap: Entry<T>[] = []
  #offered = 0
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Whether a value of this rank would be kept now. Asking first spares making the value. */
  accepts(rank: number): boolean {
    const [worst] = this.#heap
    if (this.#heap.length < this.#capacity) return true
    return worst !== undefined && rank < worst.rank
  }

  /** Offers a value. */
  add(rank: number, value: T): void {
    const entry = { rank, order: this.#offered++, value }
    if (!this.accepts(rank)) return
    if (this.#heap.length < this.#capacity) this.#rise(entry)
    else this.#sink(entry)
  }

  /** What is kept, best first. */
  sorted(): T[] {
    return [...this.#heap].sort((a, b) => (worse(a, b) ? 1 : -1)).map((entry) => entry.value)
  }

  #rise(entry: Entry<T>): void {
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (!parent || !worse(entry, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = entry
  }

  #sink(entry: Entry<T>): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      const child = left && right && worse(right, left) ? right : left
      if (!child || !worse(child, entry)) break
      heap[at] = child
      at = child === left ? 2 * at + 1 : 2 * at + 2
    }
    heap[at] = entry
  }
}

function worse(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.rank > b.rank || (a.rank === b.rank && a.order > b.order)
}
