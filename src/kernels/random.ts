/**
 * Random numbers from a seed: sfc32, 128 bits of state, the same on every machine.
 *
 * @see https://pracrand.sourceforge.net/ (sfc32)
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `stream` gives independent numbers for one seed. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = stream | 0
    for (let i = 0; i < 20; i++) this.uniform()
  }

  /** Uniform in [0, 1), a multiple of 2⁻³². */
  uniform(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }

  /** Standard normal (Box–Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }
}
