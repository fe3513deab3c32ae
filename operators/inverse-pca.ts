import type { DataType, FixedSizeList, RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { fixedShapeTensor } from '../src/batch/tensor.ts'
import { OptionError } from '../src/errors.ts'
import { learned } from '../src/learn/learned.ts'
import { Pca } from '../src/models/pca.ts'
import { kindOf, knownOptions, nonEmptyString } from '../src/options.ts'

/** Options of {@link inversePca}. */
export interface InversePcaOptions {
  /** The fitted model, or the folder of a saved one. */
  readonly model: Pca | string
  /**
   * The tensor column of scores.
   *
   * @default 'pca'
   */
  readonly column?: string
  /**
   * The column of rows that is added.
   *
   * @default 'reconstruction'
   */
  readonly into?: string
}

/**
 * Goes back from principal components to rows: mean + scores · components. What the components leave out is gone, so
 * the difference to the row that was scored says how unlike the fitted rows it is.
 *
 * - Rows: n to n, in input order.
 * - Columns: `column` (tensor of floats, as `pca` adds it) → `into`, a tensor of as many values as the rows had that
 *   were fitted, of the type of `column`.
 * - Nulls: stay.
 *
 * @throws {OptionError} at the call, if there is no model or an option is unknown
 * @throws {SchemaError} on the stream, if `column` is no tensor of as many values as the model has components
 * @throws {DataError} on the stream, if a saved model is damaged
 * @see Pca in src/models/pca.ts
 * @example
 * scored$.pipe(inversePca({ model: 'models/pca' })) // adds `reconstruction`
 */
export function inversePca(options: InversePcaOptions): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('inversePca', options, ['model', 'column', 'into'])
  const { model } = options as { readonly model: unknown }
  if (!(model instanceof Pca) && typeof model !== 'string')
    throw new OptionError(
      `Expected option \`model\` of inversePca to be a Pca or the folder of a saved one, got ${kindOf(model)}`,
    )
  const column = nonEmptyString('column', options.column ?? 'pca')
  const into = nonEmptyString('into', options.into ?? 'reconstruction')

  return learned<Pca>(
    {
      name: 'inversePca',
      column,
      into,
      kind: 'pca',
      make: () => {
        throw new Error('Expected a fitted model')
      },
      fromState: (state) => Pca.fromState(state),
      width: (fitted) => fitted.components.rows,
      fields: (input, fitted) => {
        const { valueType } = input.type as FixedSizeList<DataType>
        return [fixedShapeTensor(into, [fitted?.mean.length ?? 0], valueType)]
      },
      score: async (fitted, rows) => [(await fitted.inverse(rows)).values],
      settings: { column, into },
    },
    { model },
  )
}
