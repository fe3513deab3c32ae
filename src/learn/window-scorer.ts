import type { LearnedSpec } from './learned-spec.ts'
import type { Matrix, Model } from '../models/model.ts'
import { groupsOf } from '../models/row-groups.ts'
import { rowsOf, type Scores } from './row-scores.ts'
import { sameKind } from '../batch/take-data.ts'

/**
 * Scores rows at once and still independently of the batches they come in: each is computed at its
 * own place in a window of fixed size, the rest of which is zeros. The last bits of a matrix product
 * depend on its height: measured in float64, 7 rows alone differ from the same 7 among 256. A model that treats
 * rows one by one needs no window.
 */
export class WindowScorer<M extends Model<unknown>> {
  /** Rows scored so far. */
  position = 0
  readonly #score: LearnedSpec<M>['score']
  readonly #rowByRow: boolean
  readonly #windowRows: number

  constructor({ score, rowByRow = false }: LearnedSpec<M>, windowRows: number) {
    this.#score = score
    this.#rowByRow = rowByRow
    this.#windowRows = windowRows
  }

  /** What `model` says of the rows; undefined without rows. */
  async score(model: M, matrix: Matrix): Promise<readonly Scores[] | undefined> {
    if (this.#rowByRow && matrix.rows > 0) {
      this.position += matrix.rows
      return this.#score(model, matrix)
    }
    const parts: Scores[][] = []
    for (let at = 0; at < matrix.rows;) {
      const start = this.position % this.#windowRows
      const count = Math.min(this.#windowRows - start, matrix.rows - at)
      const part = rowsOf(matrix, at, at + count)
      parts.push(
        part.groups
          ? await this.#scoreGroups(model, part, start)
          : await this.#scoreAt(model, part, start),
      )
      at += count
      this.position += count
    }
    const [first] = parts
    if (!first || parts.length === 1) return first
    return first.map((_, field) => joined(parts.map((part) => part[field] as Scores)))
  }

  async #scoreAt(model: M, rows: Matrix, start: number): Promise<Scores[]> {
    const { columns, values } = rows
    const window = sameKind(values, this.#windowRows * columns)
    window.set(values, start * columns)
    const scores = await this.#score(model, { rows: this.#windowRows, columns, values: window })
    return scores.map((field) => cut(field, start, rows.rows, this.#windowRows))
  }

  /** Each group in a window of its own, which no other group can change. */
  async #scoreGroups(model: M, part: Matrix, start: number): Promise<Scores[]> {
    const { columns } = part
    let all: Scores[] | undefined
    for (const { group, rows, matrix } of groupsOf(part)) {
      const window = sameKind(part.values, this.#windowRows * columns)
      rows.forEach((row, i) => {
        window.set(matrix.values.subarray(i * columns, (i + 1) * columns), (start + row) * columns)
      })
      const groups = Array<string | null>(this.#windowRows).fill(group)
      const whole = { rows: this.#windowRows, columns, values: window, groups }
      const scores = await this.#score(model, whole)
      all ??= scores.map((field) => cut(field, start, part.rows, this.#windowRows))
      for (const [i, field] of scores.entries())
        for (const row of rows) (all[i] as Scores)[row] = field[start + row] as never
    }
    return all ?? []
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
