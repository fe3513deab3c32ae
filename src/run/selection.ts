import { RecordBatch } from 'apache-arrow'
import { take } from '../batch/batch.ts'
import { SchemaError } from '../errors.ts'
import { type Control, type Reject, Rejects } from '../flow/control.ts'

/** The rows that a run does again, by id, and which of them have not come yet. */
export class Selection {
  readonly #attempts: ReadonlyMap<string, number>
  #missing: Set<string>

  /** `attempts`: how often each has been tried. */
  constructor(attempts: ReadonlyMap<string, number>) {
    this.#attempts = attempts
    this.#missing = new Set(attempts.keys())
  }

  /** Whether the row is one of them. */
  has(id: string): boolean {
    return this.#attempts.has(id)
  }

  /**
   * What of a source's value is among them; undefined if nothing is.
   *
   * @throws {SchemaError} if a batch has no ids
   */
  chosen<T>(value: T | Control): T | Control | undefined {
    if (value instanceof Rejects) {
      const rows = value.rows.filter(({ id }) => this.#came(id))
      return rows.length > 0 ? new Rejects(rows) : undefined
    }
    if (!(value instanceof RecordBatch)) return value
    const ids = value.getChild('id')
    if (!ids)
      throw new SchemaError('Expected a column `id` to replay rows by, got none', { column: 'id' })
    const rows: number[] = []
    for (let row = 0; row < value.numRows; row++)
      if (this.#came(String(ids.get(row)))) rows.push(row)
    if (rows.length === value.numRows) return value
    return rows.length > 0 ? (take(value, rows) as T & RecordBatch) : undefined
  }

  /** Those that have not come. */
  get missing(): readonly string[] {
    return [...this.#missing]
  }

  /** Goes on where only `missing` had not come. */
  restore(missing: readonly string[]): void {
    this.#missing = new Set(missing)
  }

  /** A reject of one of them, with the number of this attempt. */
  counted(reject: Reject): Reject {
    return { ...reject, attempt: (this.#attempts.get(reject.id) ?? 0) + 1 }
  }

  #came(id: string): boolean {
    this.#missing.delete(id)
    return this.#attempts.has(id)
  }
}
