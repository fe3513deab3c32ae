/** Counts in equal bins side by side. */
export interface Histogram {
  /** Lower end of the first bin. */
  readonly from: number
  /** Width of a bin. */
  readonly width: number
  /** Values in each bin, its lower end included; the first and the last are not empty. */
  readonly counts: readonly number[]
}

/** Bins that are kept at most. */
const mostBins = 512
/** Exponent of the narrowest bin. */
const narrowest = -40

/**
 * Counts values of any range in one pass: bins are as wide as a power of two and lie at its multiples, and become twice
 * as wide when there would be more than 512. So what is counted depends on the values alone, not on their order.
 */
export class GrowingHistogram {
  #counts = new Map<number, number>()
  #exponent = narrowest
  #low = Infinity
  #high = -Infinity
  #whole = true
  #least = Infinity
  #most = -Infinity
  #count = 0

  /** Adds a value; one that is not finite is passed over. */
  add(value: number): void {
    if (!Number.isFinite(value)) return
    this.#count++
    this.#whole &&= Number.isInteger(value)
    this.#least = Math.min(this.#least, value)
    this.#most = Math.max(this.#most, value)
    let bin = this.#binOf(value)
    // Of a value above 10²⁹⁶ the narrowest bins have no number.
    while (!Number.isFinite(bin)) {
      this.#widen()
      bin = this.#binOf(value)
    }
    while (Math.max(bin, this.#high) - Math.min(bin, this.#low) >= mostBins) {
      this.#widen()
      bin = Math.floor(bin / 2)
    }
    this.#low = Math.min(bin, this.#low)
    this.#high = Math.max(bin, this.#high)
    this.#counts.set(bin, (this.#counts.get(bin) ?? 0) + 1)
  }

  /** How many values there are. */
  get count(): number {
    return this.#count
  }

  /** The least value; `Infinity` without any. */
  get least(): number {
    return this.#least
  }

  /** The greatest value; `-Infinity` without any. */
  get most(): number {
    return this.#most
  }

  /** The counts in at most `bins` bins, which for whole numbers are no narrower than 1; undefined without a value. */
  histogram(bins: number): Histogram | undefined {
    if (this.#counts.size === 0) return undefined
    let exponent = this.#exponent
    let [low, high] = [this.#low, this.#high]
    while (high - low >= bins || (this.#whole && exponent < 0)) {
      exponent++
      low = Math.floor(low / 2)
      high = Math.floor(high / 2)
    }
    const counts = new Array<number>(high - low + 1).fill(0)
    const shrink = 2 ** (this.#exponent - exponent)
    for (const [bin, count] of this.#counts) {
      const at = Math.floor(bin * shrink) - low
      counts[at] = (counts[at] ?? 0) + count
    }
    return { from: low * 2 ** exponent, width: 2 ** exponent, counts }
  }

  #binOf(value: number): number {
    return Math.floor(value * 2 ** -this.#exponent)
  }

  #widen(): void {
    const wider = new Map<number, number>()
    for (const [bin, count] of this.#counts) {
      const at = Math.floor(bin / 2)
      wider.set(at, (wider.get(at) ?? 0) + count)
    }
    this.#counts = wider
    this.#exponent++
    this.#low = Math.floor(this.#low / 2)
    this.#high = Math.floor(this.#high / 2)
  }
}
