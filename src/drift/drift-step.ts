import type { RecordBatch } from 'apache-arrow'
import type { Step } from '../flow/operate.ts'
import type { DriftReference } from '../models/drift-reference.ts'
import { comparedRows, distancesOf, HeldRows, type HeldRowsState } from './drift-windows.ts'
import { type WindowTest, type WindowTestOptions, windowTests } from './window-result.ts'

/** What came out of a window. */
export interface WindowDrift {
  /** Its number. */
  readonly window: number
  /** Whether any of its tests found drift; null if none could be made. */
  readonly drift: boolean | null
  /** The smallest adjusted p-value; null if there is none. */
  readonly p: number | null
}

/** What is said of a row. */
export interface RowDrift {
  /** How far it is from the reference; null without embedding. */
  readonly distance: number | null
  /** How many percent of the reference are no farther from the rest of it. */
  readonly percentile: number | null
  /** The share of the reference, with the row, that is at least as far. */
  readonly p: number | null
  /** The last window that was tested. */
  readonly last: WindowDrift | undefined
}

/** What rows are compared with, and how. */
export interface DriftStepOptions {
  /** The reference. */
  readonly load: () => Promise<DriftReference>
  /** Rows of a window. */
  readonly windowRows: number
  /** How windows are tested. */
  readonly tests: WindowTestOptions
  /** Adds to a batch what is said of its rows. */
  readonly answer: (
    batch: RecordBatch,
    rows: readonly RowDrift[],
    embeddings: boolean,
  ) => RecordBatch
}

interface DriftState {
  readonly window: number
  readonly seen: number
  readonly last: WindowDrift | undefined
  readonly held: HeldRowsState
  readonly distances: readonly number[]
}

/** Holds the rows of a window, and tests them when it is full. */
export class DriftStep implements Step<RecordBatch, RecordBatch, DriftState> {
  readonly #options: DriftStepOptions
  readonly #held: HeldRows
  #distances: number[] = []
  #window = 0
  #seen = 0
  #last: WindowDrift | undefined

  constructor(options: DriftStepOptions) {
    this.#options = options
    this.#held = new HeldRows(options.windowRows, { sampleRows: 0, seed: 0 })
  }

  async *next(batch: RecordBatch): AsyncGenerator<RecordBatch> {
    const reference = await this.#options.load()
    const rows = comparedRows(batch, reference, 'drift')
    const distances = await distancesOf(rows, reference, this.#seen)
    this.#seen += batch.numRows
    const said: RowDrift[] = []
    for (let from = 0; from < batch.numRows;) {
      const to = Math.min(batch.numRows, from + this.#held.room)
      for (const distance of distances.subarray(from, to)) {
        said.push({ ...farFrom(reference, distance), last: this.#last })
        this.#distances.push(distance)
      }
      this.#held.add(rows.slice(from, to))
      if (this.#held.room === 0) await this.#test(reference)
      from = to
    }
    yield this.#options.answer(batch, said, reference.embedding !== undefined)
  }

  snapshot(): DriftState {
    return {
      window: this.#window,
      seen: this.#seen,
      last: this.#last,
      held: this.#held.save(),
      distances: this.#distances,
    }
  }

  restore(state: unknown): void {
    const { window, seen, last, held, distances } = state as DriftState
    this.#window = window
    this.#seen = seen
    this.#last = last
    this.#held.restore(held)
    this.#distances = [...distances]
  }

  async #test(reference: DriftReference): Promise<void> {
    const rows = this.#held.take()
    if (!rows) return
    const window = { window: this.#window, rows, distances: Float64Array.from(this.#distances) }
    const made = await windowTests(reference, window, this.#options.tests)
    this.#last = worstOf(this.#window, made)
    this.#distances = []
    this.#window++
  }
}

function worstOf(window: number, tests: readonly WindowTest[]): WindowDrift {
  const known = tests.flatMap(({ adjusted }) => adjusted ?? [])
  if (known.length === 0) return { window, drift: null, p: null }
  return { window, drift: tests.some(({ drifted }) => drifted === true), p: Math.min(...known) }
}

/** Where a distance lies among those of the reference's own rows. */
function farFrom({ embedding }: DriftReference, distance: number): Omit<RowDrift, 'last'> {
  if (!embedding || Number.isNaN(distance) || embedding.distances.length === 0)
    return { distance: Number.isNaN(distance) ? null : distance, percentile: null, p: null }
  const { distances } = embedding
  const all = distances.length
  return {
    distance,
    percentile: (100 * countBelow(distances, distance, true)) / all,
    p: (1 + all - countBelow(distances, distance, false)) / (1 + all),
  }
}

/** How many of ascending numbers are below `value`, or also equal to it. */
function countBelow(sorted: Float64Array, value: number, orEqual: boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    const at = sorted[middle] as number
    if (at < value || (orEqual && at === value)) low = middle + 1
    else high = middle
  }
  return low
}
