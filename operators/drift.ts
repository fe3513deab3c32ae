import {
  Bool,
  Field,
  Float64,
  Int32,
  type RecordBatch,
  type Schema,
  vectorFromArray,
} from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { withColumns } from '../src/batch/batch.ts'
import { schemaWith } from '../src/batch/schema.ts'
import { columnsOfReference, requireColumns } from '../src/drift/drift-columns.ts'
import {
  checkedTestOptions,
  driftTestOptionNames,
  type DriftTestOptions,
} from '../src/drift/drift-options.ts'
import { DriftStep, type RowDrift } from '../src/drift/drift-step.ts'
import { savedReference } from '../src/drift/drift-windows.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, nonEmptyString, positiveInteger } from '../src/options.ts'

/** Options of {@link drift}. */
export interface DriftOptions extends DriftTestOptions {
  /** Folder of a reference that `driftReference` saved. */
  readonly model: string
  /**
   * Rows of a window, which are tested together.
   *
   * @default 256
   */
  readonly windowRows?: number
}

/**
 * Says of each row how far it is from a reference, and whether what has arrived drifts from it.
 *
 * - Rows: n to n, in input order; none waits. Every `windowRows` rows are tested together, and the rows that follow, up to the end of the next window, carry what came out.
 *   Rows behind the last full window are not tested; `driftSummary` does that too.
 * - Columns: `id` and those of the reference → with embeddings `ood_distance` (Float64: the mean distance to the `k` nearest of the reference), `ood_percentile` (how many percent of the
 *   reference's own rows are no farther from the rest of it) and `ood_p` (one row's p-value: (1 + those at least as far) / (1 + all)); `drift_window` (Int32: the last window that was tested, from 0), `drift`
 *   (Bool: whether an adjusted p-value is below `alpha`) and `drift_p` (Float64: the smallest of them).
 * - Nulls: without embedding there is no distance, and before the first window is full no drift. Numbers that are null or not finite are not tested; a null category is one of its own.
 * - Of windows that are drawn as the reference is, drift is found in the share `alpha` all the same: p-values are adjusted for the tests of a window, not for many windows.
 * - State: the reference, and the columns compared of one window, which is the state at a barrier. A window takes about two seconds where it has
 *   embeddings of 2,000 values (`mmd` takes 500 rows of each at most).
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} at `schema()`, if a column of the reference is missing, of another kind or length
 * @throws {DataError} on the stream, if a value of an embedding is not finite, or the reference is damaged
 * @see docs/drift.md for the tests
 * @example
 * arrivals$.pipe(drift({ model: 'models/reference' })) // => { ood_percentile: 99.8, drift: true, drift_p: 0.001, … }
 */
export function drift(options: DriftOptions): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('drift', options, ['model', 'windowRows', ...driftTestOptionNames])
  const model = nonEmptyString('model', options.model)
  const windowRows = positiveInteger('windowRows', options.windowRows ?? 256)
  const tests = checkedTestOptions(options)
  const load = savedReference(model)

  async function schemaOf(input: Schema): Promise<Schema> {
    const { embedding, ...reference } = await load()
    const columns = columnsOfReference({ ...reference, embedding })
    requireColumns(input, columns, { owner: 'drift', length: embedding?.reference.columns })
    return schemaWith(input, fieldsFor(embedding !== undefined))
  }

  return operate<RecordBatch, RecordBatch>({
    name: 'drift',
    learns: true,
    holds: `its reference, and the columns compared of ${String(windowRows)} rows`,
    settings: { model, windowRows, ...tests },
    schema: schemaOf,
    start: ({ run }) =>
      new DriftStep({
        load,
        windowRows,
        tests: { ...tests, seed: tests.seed ?? run?.seed ?? 0 },
        answer,
      }),
  })
}

function fieldsFor(embeddings: boolean): Field[] {
  const distances = ['ood_distance', 'ood_percentile', 'ood_p']
  return [
    ...(embeddings ? distances.map((name) => new Field(name, new Float64(), true)) : []),
    new Field('drift_window', new Int32(), true),
    new Field('drift', new Bool(), true),
    new Field('drift_p', new Float64(), true),
  ]
}

/** The batch with what is said of its rows. */
function answer(batch: RecordBatch, rows: readonly RowDrift[], embeddings: boolean): RecordBatch {
  const values: Readonly<Record<string, (row: RowDrift) => unknown>> = {
    ood_distance: ({ distance }) => distance,
    ood_percentile: ({ percentile }) => percentile,
    ood_p: ({ p }) => p,
    drift_window: ({ last }) => last?.window,
    drift: ({ last }) => last?.drift,
    drift_p: ({ last }) => last?.p,
  }
  return withColumns(
    batch,
    fieldsFor(embeddings).map((field) => {
      const each = values[field.name]
      return {
        field,
        vector: vectorFromArray(
          rows.map((row) => each?.(row) ?? null),
          field.type,
        ),
      }
    }),
  )
}
