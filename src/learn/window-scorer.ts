import type { LearnedSpec } from './learned-spec.ts'
import type { Matrix, Model } from '../models/model.ts'
import type { Scores } from './row-scores.ts'
import { sameKind } from '../batch/take-data.ts'

/**
 * Scores rows at once and still independently of the batches they come in: each is computed at its
 * own place in a window of fixed size, the rest of which is zeros. The last bits of a matrix product
 * depend on its height: measured in float64, 7 rows alone differ from the same 7 among 256. Of a model
 * that is `rowwise` rows are scored as they come.
 */
export class WindowScorer<M extends Model<unknown>> {
  /** Rows scored so far. */
  position = 0
  readonly #score: LearnedSpec<M>['score']
  readonly #rowwise: boolean
  readonly #windowRows: number

  constructor({ score, rowwise = false }: LearnedSpec<M>, windowRows: number) {
    this.#score = score
    this.#rowwise = rowwise
    this.#windowRows = windowRows
  }

  /** What `model` says of the rows; undefined without rows. */
  async score(model: M, matrix: Matrix): Promise<readonly Scores[] | undefined> {
    const { rows, columns, values } = matrix
    if (this.#rowwise && rows > 0) {
      this.position += rows
      return this.#score(model, matrix)
    }
    const parts: Scores[][] = []
    for (let at = 0; at < rows;) {
      const start = this.position % this.#windowRows
      const count = Math.min(this.#windowRows - start, rows - at)
      const window = sameKind(values, this.#windowRows * columns)
      window.set(values.subarray(at * columns, (at + count) * columns), start * columns)
      const scores = await this.#score(model, { rows: this.#windowRows, columns, values: window })
      parts.push(scores.map((field) => cut(field, start, count, this.#windowRows)))
      at += count
      this.position += count
    }
    const [first] = parts
    if (!first || parts.length === 1) return first
    return first.map((_, field) => joined(parts.map((part) => part[field] as Scores)))
  }
}

function cut(scores: Scores, start: number, count: number, windowRows: number): Scores {
  const width = scores.length / windowRows
  return scores.slice(start * width, (start + count) * width)
}

function joined(parts: readonly Scores[]): Scores {
  const out = sameKind(
    parts[0] as Scores,
    parts.reduce((n, part) => n + part.length, 0),
  )
  let at = 0
  for (const part of parts) {
    out.set(part as never, at)
    at += part.length
  }
  return out
}
