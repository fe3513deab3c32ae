import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { OptionError } from '../src/errors.ts'
import { learnedOptionNames, type LearnedOptions } from '../src/learn/learned.ts'
import type { OutlierModel } from '../src/models/outlier-model.ts'
import { type OutlierMethod, outlierMethods } from '../src/models/outlier-methods.ts'
import { columnList, knownOptions, nonEmptyString, oneOf, positiveInteger } from '../src/options.ts'
import { findOutliers } from '../src/statistics/find-outliers.ts'
import { commonRule, ownRules } from '../src/statistics/outlier-rules.ts'

/** Options of {@link outliers}: its own, and those of every learned operator but `seed`: nothing is random. */
export interface OutliersOptions extends Omit<LearnedOptions<OutlierModel>, 'seed'> {
  /**
   * The columns of numbers that are looked at.
   *
   * @default those of the metrics of `imageStats` that the flow has, but for `channels` and `depth`
   */
  readonly columns?: readonly string[]
  /**
   * Those whose values are compared by their logarithms, because ratios count: twice the size is as far as half of it.
   * They are positive; what is below 10⁻⁶ counts as that.
   *
   * @default those of `width`, `height`, `size`, `aspect_ratio`, `bytes` and `sharpness` that are looked at
   */
  readonly log?: readonly string[]
  /**
   * How the bounds are found.
   *
   * - `adaptive`: median and deviations of each side by itself (double MAD), wider where a tail is heavy.
   * - `zscore`: mean and standard deviation.
   * - `modified-zscore`: median and median deviation.
   * - `iqr`: the quartiles and the range between them.
   *
   * @default 'adaptive'
   */
  readonly method?: OutlierMethod
  /**
   * How many scales of the method from its middle a bound is: on both sides, or below and above; null for no bound.
   *
   * @default 3.5 for 'adaptive' and 'modified-zscore', 3 for 'zscore', 1.5 for 'iqr'
   */
  readonly threshold?: number | readonly [lower: number | null, upper: number | null]
  /** The same for single metrics, by name; or as values: `{ lower: 10 }` flags what is below 10. */
  readonly thresholds?: Readonly<
    Record<
      string,
      | number
      | readonly [lower: number | null, upper: number | null]
      | { readonly lower?: number; readonly upper?: number }
    >
  >
  /** The text column that groups the rows, for instance `label`: each row is held against the bounds of its group. */
  readonly by?: string
  /**
   * Rows with a value of a metric that a group needs for bounds of its own; rows of others are held against those
   * of all rows, and so are those of a label that a fitted model does not know. Only with `by`.
   *
   * @default 50
   */
  readonly minRows?: number
}

/**
 * Flags rows whose metrics are unusual: which, how far beyond which bound, and in words.
 *
 * - Rows: n to n, in input order. In mode `fit` the first comes out after the last came in.
 * - Columns: adds `outlier_metrics`, `outlier_reasons` (List of Utf8), `outlier_values`, `outlier_bounds` (List of
 *   Float64), equally long, the most extreme metric first, empty for a row that is none; and `outlier_score`
 *   (Float64): the largest excess over a bound in scales of the method, above 0 for outliers, a ranking. `online`
 *   adds `outlier_model_rows` (Int64) too, the rows that the bounds were learned from.
 * - A value is beyond a bound if it is strictly so. A metric of one value, or of fewer than three, flags nothing,
 *   but by bounds that are given as values.
 * - Reasons: "darker than 99.7 % of the set", of all rows or of those with its label that the bounds are from;
 *   rounded down, and "than all others" if so.
 * - Nulls: a null, and a number that is not finite, is neither learned nor flagged; `outlier_score` is null for a row
 *   of which nothing is measured. A row without a label is held against all rows.
 * - State: `fit` is exact, reads one column at a time and holds 8 bytes a row, with `by` 20, and 16 for each value
 *   beyond a bound. `online` holds `warmupRows` rows, then `windowRows`, and a sketch of each metric (of each label's
 *   too): as a rule 36 KB, at most about 130. By the sketch no rank is wrong by more than 0.1 % of the rows, always.
 *
 * @throws {OptionError} at the call, if an option is unknown, out of range or without effect; at `schema()`, if a threshold is one of
 *   no column
 * @throws {SchemaError} at `schema()`, if a column is missing or not of numbers, `by` is no text, or there is no metric
 * @throws {DataError} on the stream, if a saved model is damaged
 * @see docs/outliers.md for the formulas, and when to take which
 * @example
 * flow.pipe(outliers({ by: 'label' })) // outlier_reasons => ['darker than 99.7 % of its label']
 */
export function outliers(
  options: OutliersOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  const own = ['columns', 'log', 'method', 'threshold', 'thresholds', 'by', 'minRows'] as const
  const learning = learnedOptionNames.filter((name) => name !== 'seed')
  knownOptions('outliers', options, [...own, ...learning])
  const columns = options.columns && [...new Set(columnList('columns', options.columns))]
  const log = options.log?.length === 0 ? [] : options.log && columnList('log', options.log)
  if (options.by === undefined && options.minRows !== undefined)
    throw new OptionError('Expected `minRows` to come with `by`, which makes groups')
  const method = oneOf('method', options.method ?? 'adaptive', outlierMethods)
  return findOutliers({
    columns,
    log,
    method,
    common: commonRule(method, options.threshold),
    own: ownRules(options.thresholds ?? {}),
    by: options.by === undefined ? undefined : nonEmptyString('by', options.by),
    minRows: positiveInteger('minRows', options.minRows ?? 50),
    learning: options,
    given: own.find((name) => options[name] !== undefined),
  })
}
