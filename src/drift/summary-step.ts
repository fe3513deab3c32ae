import type { RecordBatch } from 'apache-arrow'
import { column } from '../batch/batch.ts'
import type { Step } from '../flow/operate.ts'
import type { DriftReference } from '../models/drift-reference.ts'
import { comparedRows, distancesOf, HeldRows, type HeldRowsState } from './drift-windows.ts'
import { type WindowTest, type WindowTestOptions, windowTests } from './window-result.ts'

/** A window beside its rows. */
export interface WindowPlace {
  /** Its number. */
  readonly window: number
  /** How many rows it has. */
  readonly rows: number
  /** Id of the first. */
  readonly fromId: string
  /** Id of the last. */
  readonly toId: string
}

/** What rows are compared with, and how. */
export interface SummaryStepOptions {
  /** The reference. */
  readonly load: () => Promise<DriftReference>
  /** Rows of a window; without it all are one. */
  readonly windowRows: number | undefined
  /** Rows that are tested of all. */
  readonly sampleRows: number
  /** How windows are tested. */
  readonly tests: WindowTestOptions
  /** The table of a window. */
  readonly tableOf: (place: WindowPlace, tests: readonly WindowTest[]) => RecordBatch
}

interface SummaryState {
  readonly place: WindowPlace
  readonly held: HeldRowsState
}

/** Holds the rows of a window, and gives its table when it has ended. */
export class SummaryStep implements Step<RecordBatch, RecordBatch, SummaryState> {
  readonly #options: SummaryStepOptions
  readonly #held: HeldRows
  #place: WindowPlace = { window: 0, rows: 0, fromId: '', toId: '' }

  constructor(options: SummaryStepOptions) {
    const { windowRows, sampleRows, tests } = options
    this.#options = options
    this.#held = new HeldRows(windowRows, { sampleRows, seed: tests.seed })
  }

  async *next(batch: RecordBatch): AsyncGenerator<RecordBatch> {
    const rows = comparedRows(batch, await this.#options.load(), 'driftSummary')
    const ids = column(rows, 'id')
    for (let from = 0; from < batch.numRows;) {
      const to = Math.min(batch.numRows, from + this.#held.room)
      const { window, rows: before, fromId } = this.#place
      this.#place = {
        window,
        rows: before + to - from,
        fromId: before === 0 ? String(ids.get(from)) : fromId,
        toId: String(ids.get(to - 1)),
      }
      this.#held.add(rows.slice(from, to))
      if (this.#held.room === 0) yield* this.flush()
      from = to
    }
  }

  async *flush(): AsyncGenerator<RecordBatch> {
    const rows = this.#held.take()
    if (!rows) return
    const { load, tests, tableOf } = this.#options
    const reference = await load()
    const distances = await distancesOf(rows, reference)
    const { window } = this.#place
    const made = await windowTests(reference, { window, rows, distances }, tests)
    if (made.length > 0) yield tableOf(this.#place, made)
    this.#place = { ...this.#place, window: window + 1, rows: 0 }
  }

  snapshot(): SummaryState {
    return { place: this.#place, held: this.#held.save() }
  }

  restore(state: unknown): void {
    const { place, held } = state as SummaryState
    this.#place = place
    this.#held.restore(held)
  }
}
