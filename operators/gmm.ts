import { Field, Float64, type RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { learned, learnedOptionNames, type LearnedOptions } from '../src/learn/learned.ts'
import { type MixtureSettings, mixtures } from '../src/models/density-strategies.ts'
import type { ComponentChoice, GaussianMixture } from '../src/models/gaussian-mixture.ts'
import { knownOptions, nonEmptyString } from '../src/options.ts'

/** Options of {@link gmm}: those of the mixture, and those of every learned operator. */
export interface GmmOptions extends LearnedOptions<GaussianMixture>, MixtureSettings {
  /**
   * The tensor column whose density is estimated.
   *
   * @default 'pca'
   */
  readonly column?: string
  /**
   * The column of log densities that is added; that of percentiles is `<into>_percentile`.
   *
   * @default 'familiarity'
   */
  readonly into?: string
  /**
   * How many Gaussians: a number, or numbers of which the one with the lowest BIC is kept, as a list
   * or from one to another, both included.
   *
   * @default one per 20 rows fitted, at least 1 and at most 10
   */
  readonly components?: ComponentChoice
}

const mixtureNames = [
  'components',
  'covariance',
  'tolerance',
  'maxIterations',
  'regularization',
  'starts',
] as const

/**
 * Says how familiar each row is: its log density under a mixture of Gaussians fitted to all of them.
 *
 * - Rows: n to n, in input order. In mode `fit` the first comes out after the last came in.
 * - Columns: adds `into` (Float64, natural log density, higher is more familiar) and
 *   `<into>_percentile` (Float64, percent of the learned rows at or below it); `online` adds
 *   `<into>_model_rows` (Int64) too, the rows that the model had learned when it scored the row.
 * - Nulls: a null is not learned, and its scores are null.
 * - State: `fit` keeps the rows on disk; `online` holds `warmupRows` rows, then `windowRows`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} at `schema()`, if `column` is no tensor of floats, or has another number of
 *   values than the frozen `model`
 * @throws {DataError} on the stream, if there are fewer rows than components, a value is not finite,
 *   or a saved model is damaged
 * @see GaussianMixture in src/models/gaussian-mixture.ts for the mathematics
 * @example
 * reduced$.pipe(gmm({ components: 10 })) // adds `familiarity`, `familiarity_percentile`
 */
export function gmm(options: GmmOptions = {}): MonoTypeOperatorFunction<RecordBatch> {
  const own = ['column', 'into', ...mixtureNames]
  knownOptions('gmm', options, [...own, ...learnedOptionNames])
  const column = nonEmptyString('column', options.column ?? 'pca')
  const into = nonEmptyString('into', options.into ?? 'familiarity')
  const given = Object.fromEntries(
    mixtureNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  ) as MixtureSettings
  const { make, fromState } = mixtures(given)

  return learned<GaussianMixture>(
    {
      name: 'gmm',
      column,
      into,
      kind: 'gaussian-mixture',
      make,
      fromState,
      width: (model) => model.means.columns,
      fields: () => [
        new Field(into, new Float64(), true),
        new Field(`${into}_percentile`, new Float64(), true),
      ],
      score: async (model, rows) => {
        const { logDensity, percentile } = await model.apply(rows)
        return [logDensity, percentile]
      },
      settings: { column, into, ...given },
    },
    options,
  )
}
