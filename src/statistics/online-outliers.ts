import type { RecordBatch, Schema } from 'apache-arrow'
import { int64Column, withColumns } from '../batch/batch.ts'
import { decodeBatch, encodeBatch } from '../batch/ipc.ts'
import type { Step } from '../flow/operate.ts'
import {
  OutlierLearner,
  type OutlierLearnerState,
  type OutlierRules,
} from '../models/outlier-learner.ts'
import type { OutlierModel } from '../models/outlier-model.ts'
import { type MetricRowValues, rowValues } from './metric-values.ts'
import { outlierColumns } from './outlier-columns.ts'

/** The column of rows learned that `online` adds. */
export const modelRows = 'outlier_model_rows'

/** How bounds are learned online. */
export interface OnlineOutliersOptions {
  /** The metrics of a flow. */
  readonly columns: (schema: Schema) => readonly string[]
  /** The rules of these. */
  readonly rules: (columns: readonly string[]) => OutlierRules
  /** Rows learned at a time. */
  readonly windowRows: number
  /** Rows that are waited for before the first are scored. */
  readonly warmupRows: number
  /** Called when all rows are learned. */
  readonly done: (model: OutlierModel) => void | Promise<void>
}

interface OnlineOutliersState {
  readonly columns: readonly string[]
  readonly learner: OutlierLearnerState | undefined
  /** Batches of the warm-up. */
  readonly held: readonly Uint8Array[]
  /** Rows that are scored and not yet learned. */
  readonly window: MetricRowValues | undefined
}

/**
 * Learns bounds on the first rows, scores these, then each row by the bounds as they were before its window, and
 * learns each window when it is full.
 */
export class OnlineOutliers implements Step<RecordBatch, RecordBatch, OnlineOutliersState> {
  readonly #options: OnlineOutliersOptions
  #held: RecordBatch[] = []
  #learner: OutlierLearner | undefined
  #values: Float64Array[] = []
  #groups: (string | null)[] = []

  constructor(options: OnlineOutliersOptions) {
    this.#options = options
  }

  *next(batch: RecordBatch): Generator<RecordBatch> {
    const learner = this.#current(batch)
    if (learner.rowsSeen > 0) {
      yield* this.#take(batch, learner)
      return
    }
    this.#held.push(batch)
    const rows = this.#held.reduce((sum, held) => sum + held.numRows, 0)
    if (rows >= this.#options.warmupRows) yield* this.#begin(learner)
  }

  async *flush(): AsyncGenerator<RecordBatch> {
    const [first] = this.#held
    if (first) yield* this.#begin(this.#current(first))
    const learner = this.#learner
    if (!learner) return
    this.#learn(learner)
    if (learner.rowsSeen > 0) await this.#options.done(learner.model())
  }

  snapshot(): OnlineOutliersState {
    const groups = [...this.#groups]
    const window = { values: this.#values.map((v) => v.slice(0, groups.length)), groups }
    return {
      columns: this.#learner?.columns ?? [],
      learner: this.#learner?.state(),
      held: this.#held.map(encodeBatch),
      window: groups.length > 0 ? window : undefined,
    }
  }

  restore(given: unknown): void {
    const { columns, learner, held, window } = given as OnlineOutliersState
    if (learner) this.#learner = new OutlierLearner(this.#options.rules(columns), learner)
    this.#held = held.map(decodeBatch)
    if (window) this.#push(window, window.values[0]?.length ?? 0)
  }

  #current({ schema }: RecordBatch): OutlierLearner {
    const { columns, rules } = this.#options
    return (this.#learner ??= new OutlierLearner(rules(columns(schema))))
  }

  *#begin(learner: OutlierLearner): Generator<RecordBatch> {
    const held = this.#held
    this.#held = []
    let left = this.#options.warmupRows
    const firsts = held.map((batch) => {
      const first = Math.min(left, batch.numRows)
      left -= first
      return first
    })
    for (const [i, batch] of held.entries()) {
      const { values, groups } = rowValues(batch, learner)
      learner.learn(values, firsts[i] ?? 0, groups)
    }
    for (const [i, batch] of held.entries()) {
      const first = firsts[i] ?? 0
      if (first > 0 || batch.numRows === 0) {
        const part = batch.slice(0, first)
        yield scored(part, learner, { ...rowValues(part, learner), learned: true })
      }
      if (first < batch.numRows) yield* this.#take(batch.slice(first), learner)
    }
  }

  *#take(batch: RecordBatch, learner: OutlierLearner): Generator<RecordBatch> {
    const { windowRows } = this.#options
    let from = 0
    do {
      const to = Math.min(batch.numRows, from + windowRows - this.#groups.length)
      const part = from === 0 && to === batch.numRows ? batch : batch.slice(from, to)
      const rows = rowValues(part, learner)
      yield scored(part, learner, { ...rows, learned: false })
      this.#push(rows, part.numRows)
      if (this.#groups.length === windowRows) this.#learn(learner)
      from = to
    } while (from < batch.numRows)
  }

  #push({ values, groups }: MetricRowValues, count: number): void {
    const at = this.#groups.length
    for (const [i, column] of values.entries())
      (this.#values[i] ??= new Float64Array(this.#options.windowRows)).set(column, at)
    this.#groups.push(...(groups ?? Array<null>(count).fill(null)))
  }

  #learn(learner: OutlierLearner): void {
    learner.learn(this.#values, this.#groups.length, this.#groups)
    this.#groups = []
  }
}

function scored(
  batch: RecordBatch,
  learner: OutlierLearner,
  rows: MetricRowValues & { readonly learned: boolean },
): RecordBatch {
  const { numRows } = batch
  const version = Array<bigint>(numRows).fill(BigInt(learner.rowsSeen))
  const added = outlierColumns(learner, { ...rows, numRows })
  return withColumns(batch, [...added, int64Column(modelRows, version)])
}
