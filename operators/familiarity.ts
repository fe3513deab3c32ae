import { Field, Float64, type RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { OptionError } from '../src/errors.ts'
import { learned, learnedOptionNames, type LearnedOptions } from '../src/learn/learned.ts'
import {
  densityStrategy,
  type FamiliarityStrategy,
  type MixtureStrategy,
} from '../src/models/density-strategies.ts'
import { Familiarity } from '../src/models/familiarity.ts'
import { knownOptions, nonEmptyString, positiveInteger, trueOrFalse } from '../src/options.ts'

/** Options of {@link familiarity}: its own, and those of every learned operator. */
export interface FamiliarityOptions extends LearnedOptions<Familiarity> {
  /**
   * The tensor column whose density is estimated.
   *
   * @default 'pca'
   */
  readonly column?: string
  /** The text column that groups the rows, for instance `label`: each row is scored among the rows of its group. */
  readonly by?: string
  /**
   * Rows that a group needs to be scored; only with `by`.
   *
   * @default 50
   */
  readonly minRows?: number
  /**
   * Whether the model measures the gaps between the groups too, in one pass more; only with `by`.
   *
   * @default false
   */
  readonly gaps?: boolean
  /**
   * The column of scores that is added; that of percentiles is `<into>_percentile`.
   *
   * @default 'familiarity', or '<by>_familiarity'
   */
  readonly into?: string
  /**
   * How the density is estimated: `{ type: 'gmm' }` with the options of a mixture of Gaussians, or a
   * strategy of one's own.
   *
   * @default { type: 'gmm' }
   */
  readonly strategy?: MixtureStrategy | FamiliarityStrategy
}

/**
 * Says how familiar each row is, among all rows or among those of its group: by a mixture of Gaussians, or
 * by a density of one's own.
 *
 * - Rows: n to n, in input order. In mode `fit` the first comes out after the last came in.
 * - Columns: adds `into` (Float64, natural log density, higher is more familiar) and
 *   `<into>_percentile` (Float64, percent of the learned rows of the group at or below it); `online`
 *   adds `<into>_model_rows` (Int64) too, the rows that the model had learned when it scored the row.
 * - Nulls: a row without a value or a group is not learned, and its scores are null. So are those of a
 *   group with fewer than `minRows` rows, and of one that a frozen model does not know.
 * - State: `fit` keeps the rows on disk and fits 16 groups at once; `online` holds `warmupRows` rows,
 *   then `windowRows`, and up to `minRows` of each group that has no density yet.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} at `schema()`, if `column` is no tensor of floats, `by` is no text, or the
 *   frozen `model` was fitted to another number of values, or in groups where `by` is not given
 * @throws {DataError} on the stream, if a group has fewer rows than components, a value is not finite,
 *   or a saved model is damaged or of another strategy
 * @see docs/familiarity.md for strategies of one's own, and for gaps
 * @example
 * reduced$.pipe(familiarity({ by: 'label' })) // adds `label_familiarity`, `label_familiarity_percentile`
 */
export function familiarity(
  options: FamiliarityOptions = {},
): MonoTypeOperatorFunction<RecordBatch> {
  const own = ['column', 'by', 'minRows', 'gaps', 'into', 'strategy']
  knownOptions('familiarity', options, [...own, ...learnedOptionNames])
  const column = nonEmptyString('column', options.column ?? 'pca')
  const by = options.by === undefined ? undefined : nonEmptyString('by', options.by)
  const name = by === undefined ? 'familiarity' : `${by}_familiarity`
  const into = nonEmptyString('into', options.into ?? name)
  const needed = positiveInteger('minRows', options.minRows ?? (by === undefined ? 1 : 50))
  const gaps = trueOrFalse('gaps', options.gaps ?? false)
  if (by === undefined && (options.minRows !== undefined || gaps))
    throw new OptionError('Expected `minRows` and `gaps` to come with `by`, which makes groups')
  const given = options.strategy ?? { type: 'gmm' }
  const strategy = densityStrategy(given)

  return learned<Familiarity>(
    {
      name: 'familiarity',
      column,
      into,
      ...(by !== undefined && { by }),
      kind: 'familiarity',
      partial: true,
      make: ({ columns, seed }) =>
        new Familiarity(strategy, {
          ...{ columns, seed, gaps },
          ...{ grouped: by !== undefined, minRows: needed },
        }),
      fromState: (state) => Familiarity.fromState(state, strategy),
      width: (model) => model.columns,
      fields: (_, model) => {
        requireGrouped(model, by)
        return [into, `${into}_percentile`].map((n) => new Field(n, new Float64(), true))
      },
      score: async (model, rows) => {
        const { logDensity, percentile } = await model.apply(rows)
        return [logDensity, percentile]
      },
      settings: {
        column,
        by,
        into,
        ...(by !== undefined && { minRows: needed, gaps }),
        strategy: given,
      },
    },
    options,
  )
}

function requireGrouped(model: Familiarity | undefined, by: string | undefined): void {
  if (!model || model.grouped === (by !== undefined)) return
  throw new OptionError(
    model.grouped
      ? 'Expected familiarity to be given `by`, as its model was fitted in groups'
      : 'Expected familiarity to be given no `by`, as its model was fitted to all rows together',
  )
}
