import type { Field, FixedSizeList } from 'apache-arrow'
import type { Matrix, Model, ModelState } from '../models/model.ts'
import type { Scores } from './row-scores.ts'

/** How an operator comes by its model. */
export type LearningMode = 'fit' | 'online'

/** Options that every learned operator has. */
export interface LearnedOptions<M> {
  /**
   * `fit` takes all rows, fits exactly, then emits them. `online` warms up on the first rows, then
   * scores each row with the model as it was before the row's window, and learns window by window.
   *
   * @default 'fit' on a bounded flow, 'online' on an unbounded one
   */
  readonly mode?: LearningMode
  /** A fitted model, or the folder of a saved one: rows are scored with it, and nothing is learned. */
  readonly model?: M | string
  /** Folder that the model is saved to when all rows are learned; one that is there is replaced. */
  readonly save?: string
  /** Called with the model when all rows are learned; not again by a run that is resumed after that, for which there is `save`. */
  readonly onModel?: (model: M) => void
  /**
   * Rows of a window: `online` learns after each.
   *
   * @default 256
   */
  readonly windowRows?: number
  /**
   * Rows that `online` waits for before it fits its first model, on these.
   *
   * @default 256
   */
  readonly warmupRows?: number
  /**
   * For whatever is random in the fit.
   *
   * @default the run's seed, which is 0 by default
   */
  readonly seed?: number
}

/** Names of the {@link LearnedOptions}. */
export const learnedOptionNames = [
  'mode',
  'model',
  'save',
  'onModel',
  'windowRows',
  'warmupRows',
  'seed',
] as const

/** What is known before a fit. */
export interface FitSize {
  /** Values in a row. */
  readonly columns: number
  /** Rows that it is fitted on, nulls counted too in mode `fit`. */
  readonly rows: number
  /** For whatever is random. */
  readonly seed: number
  /** Aborted when nobody waits for the model any more. */
  readonly signal: AbortSignal
}

/** What makes an operator of a model. */
export interface LearnedSpec<M extends Model<unknown>> {
  /** Name in plans and counters. */
  readonly name: string
  /** The tensor column that is learned. */
  readonly column: string
  /** The name before `_model_rows`, the column of rows learned that `online` adds. */
  readonly into: string
  /** Kind of the model, as saved. */
  readonly kind: string
  /** A model that has learned nothing yet. */
  readonly make: (size: FitSize) => M
  /** A model from what was saved. */
  readonly fromState: (state: ModelState) => M
  /** Columns of the rows that a fitted model takes. */
  readonly width: (model: M) => number
  /** The fields added, from that of `column` and the frozen model if there is one. */
  readonly fields: (input: Field<FixedSizeList>, model: M | undefined) => readonly Field[]
  /** What the model says of rows: per field its values, row after row. */
  readonly score: (model: M, rows: Matrix) => Promise<readonly Scores[]>
  /**
   * Whether that is the same to the last bit whatever rows are beside a row.
   *
   * @default false
   */
  readonly rowwise?: boolean
  /** Options worth showing in a plan. */
  readonly settings?: Readonly<Record<string, unknown>>
}
