import type { RecordBatch } from 'apache-arrow'
import { withColumns } from '../batch/batch.ts'
import { SchemaError } from '../errors.ts'
import { loadIndex } from '../models/indexes.ts'
import type { NeighborIndex } from '../models/neighbor-index.ts'
import { neighborColumns } from './neighbor-columns.ts'
import { presentRows } from './neighbor-search.ts'
import type { Step } from '../flow/operate.ts'

/** Searches each row among those of a saved index, which is loaded at the first batch. */
export class FrozenNeighbors implements Step<RecordBatch, RecordBatch> {
  readonly #column: string
  readonly #k: number
  readonly #folder: string
  #loading: Promise<NeighborIndex> | undefined
  #rowsSeen = 0

  constructor({ column, k }: { readonly column: string; readonly k: number }, folder: string) {
    this.#column = column
    this.#k = k
    this.#folder = folder
  }

  async *next(batch: RecordBatch): AsyncGenerator<RecordBatch> {
    const index = await (this.#loading ??= loadIndex(this.#folder))
    const { matrix, rows } = presentRows(batch, this.#column, this.#rowsSeen)
    if (matrix.columns !== index.columns)
      throw new SchemaError(
        `Expected column \`${this.#column}\` of neighbors to have ${String(index.columns)} values as its index does, got ${String(matrix.columns)}`,
        { column: this.#column },
      )
    this.#rowsSeen += batch.numRows
    const matches = await index.search(matrix, this.#k)
    yield withColumns(batch, neighborColumns(matches, rows, batch.numRows))
  }

  snapshot(): number {
    return this.#rowsSeen
  }

  restore(state: unknown): void {
    this.#rowsSeen = state as number
  }

  async close(): Promise<void> {
    const index = await this.#loading?.catch(() => undefined)
    await index?.close()
  }
}
