import type { FamiliarityStrategy, ScoringModel } from '../../src/models/density.ts'
import type { Matrix, ModelState } from '../../src/models/model.ts'

/** A strategy of one's own, as in docs/familiarity.md: the nearer a row is to the mean, the more familiar. */
export const meanDistance: FamiliarityStrategy = {
  type: 'mean-distance',
  make: ({ columns }) => new MeanDistance(new Float64Array(columns), 0),
  fromState: ({ arrays, rowsSeen }: ModelState) =>
    new MeanDistance(arrays['sums']?.values as Float64Array, rowsSeen),
}

/** −‖x − mean‖² */
class MeanDistance implements ScoringModel {
  readonly kind = 'mean-distance'
  readonly #sums: Float64Array
  #rows: number

  constructor(sums: Float64Array, rows: number) {
    this.#sums = sums
    this.#rows = rows
  }

  get rowsSeen(): number {
    return this.#rows
  }

  begin(): void {
    this.#sums.fill(0)
    this.#rows = 0
  }

  async learn({ rows, columns, values }: Matrix): Promise<void> {
    values.forEach((value, at) => (this.#sums[at % columns] = value + this.#sum(at % columns)))
    this.#rows += rows
    return Promise.resolve()
  }

  async merge(other: MeanDistance): Promise<void> {
    return this.learn({ rows: other.#rows, columns: other.#sums.length, values: other.#sums })
  }

  async end(): Promise<boolean> {
    return Promise.resolve(false)
  }

  async learnOnline(window: Matrix): Promise<void> {
    return this.learn(window)
  }

  async apply({ rows, columns, values }: Matrix): Promise<Float64Array> {
    const scores = new Float64Array(rows)
    values.forEach((value, at) => {
      const row = Math.floor(at / columns)
      scores[row] = (scores[row] ?? 0) - (value - this.#sum(at % columns) / this.#rows) ** 2
    })
    return Promise.resolve(scores)
  }

  state(): ModelState {
    const arrays = { sums: { shape: [this.#sums.length], values: this.#sums.slice() } }
    return { kind: this.kind, version: 1, rowsSeen: this.#rows, parameters: {}, arrays }
  }

  #sum(column: number): number {
    return this.#sums[column] ?? NaN
  }
}
