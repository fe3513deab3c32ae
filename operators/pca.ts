import type { Field, FixedSizeList, RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { SchemaError } from '../src/errors.ts'
import { learned, learnedOptionNames, type LearnedOptions } from '../src/learn/learned.ts'
import { Pca } from '../src/models/pca.ts'
import { knownOptions, nonEmptyString, positiveInteger, trueOrFalse } from '../src/options.ts'
import { computedType, fixedShapeTensor } from '../src/batch/tensor.ts'

/** Options of {@link pca}. */
export interface PcaColumnOptions extends LearnedOptions<Pca> {
  /**
   * The tensor column that is reduced.
   *
   * @default 'embedding'
   */
  readonly column?: string
  /**
   * The column of scores that is added.
   *
   * @default 'pca'
   */
  readonly into?: string
  /**
   * How many components to keep.
   *
   * @default 40, or as many as the column has values
   */
  readonly components?: number
  /**
   * Whether scores are divided by the standard deviation of their component.
   *
   * @default false
   */
  readonly whiten?: boolean
  /**
   * Fits in batches of so many rows, at least `components`, as scikit-learn's `IncrementalPCA(batch_size)` does and to
   * the same numbers: an approximation, of which the exact fit has no need up to 4,096 columns.
   *
   * @default none: exact
   */
  readonly batchRows?: number
}

/**
 * Reduces a tensor column to its principal components.
 *
 * - Rows: n to n, in input order. In mode `fit` the first comes out after the last came in.
 * - Columns: adds `into`, a tensor of `components` values of the type of `column` (float32 of uint8); `online` adds
 *   `<into>_model_rows` (Int64) too, the rows that the model had learned when it scored the row.
 * - The model says how much each component explains: `explainedVarianceRatio`, which `millrace inspect` prints of a
 *   saved one. `inversePca` goes back.
 * - Nulls: a null is not learned, and its scores are null.
 * - State: `fit` keeps the rows on disk; `online` holds `warmupRows` rows, then `windowRows`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} at `schema()`, if `column` is no tensor of floats or uint8, has fewer values than
 *   `components`, or another number of values than the frozen `model`
 * @throws {DataError} on the stream, if a value is not finite, or a saved model is damaged
 * @see Pca in src/models/pca.ts for the mathematics
 * @example
 * embedded$.pipe(pca({ components: 2 })) // adds `pca`: FixedSizeList[2]<Float32>
 */
export function pca(options: PcaColumnOptions = {}): MonoTypeOperatorFunction<RecordBatch> {
  const own = ['column', 'into', 'components', 'whiten', 'batchRows']
  knownOptions('pca', options, [...own, ...learnedOptionNames])
  const column = nonEmptyString('column', options.column ?? 'embedding')
  const into = nonEmptyString('into', options.into ?? 'pca')
  const whiten = trueOrFalse('whiten', options.whiten ?? false)
  const components =
    options.components === undefined ? undefined : positiveInteger('components', options.components)

  const incremental =
    options.batchRows === undefined
      ? {}
      : { batchRows: positiveInteger('batchRows', options.batchRows) }
  // Checks the two together here, where they are given.
  if (components !== undefined) new Pca({ components, ...incremental })

  function count(columns: number): number {
    return components ?? Math.min(40, columns)
  }

  function fields(input: Field<FixedSizeList>, model: Pca | undefined): Field[] {
    const { listSize } = input.type
    const kept = model ? model.components.rows : count(listSize)
    if (kept <= listSize) return [fixedShapeTensor(into, [kept], computedType(input))]
    throw new SchemaError(
      `Expected column \`${column}\` of pca to have at least ${String(kept)} values, got ${String(listSize)}`,
      { column },
    )
  }

  return learned<Pca>(
    {
      name: 'pca',
      column,
      into,
      kind: 'pca',
      make: ({ columns, seed }) =>
        new Pca({ components: count(columns), whiten, seed, ...incremental }),
      fromState: (state) => Pca.fromState(state),
      width: (model) => model.mean.length,
      fields,
      score: async (model, rows) => [(await model.apply(rows)).values],
      settings: {
        column,
        into,
        ...(components !== undefined && { components }),
        whiten,
        ...incremental,
      },
    },
    options,
  )
}
