import { type RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { missingColumn, requireField } from '../src/batch/schema.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, nonEmptyString, oneOf, positiveInteger } from '../src/options.ts'
import { labelTable, labelTableFields } from '../src/statistics/label-table.ts'
import {
  type LabelColumns,
  LabelTally,
  type LabelTallyState,
} from '../src/statistics/label-tally.ts'

/** Options of {@link labelStats}. */
export interface LabelStatsOptions {
  /**
   * Text column with the label of a picture.
   *
   * @default 'label', if it is there
   */
  readonly label?: string
  /**
   * Column with the labels of a picture's boxes, lists of text.
   *
   * @default 'box_labels', if it is there
   */
  readonly boxLabels?: string
  /**
   * Column with the metrics by which a picture is an outlier, lists of text, as `outliers` makes it.
   *
   * @default 'outlier_metrics', if it is there
   */
  readonly metrics?: string
  /**
   * Text column whose values are counted apart, such as `split`: each is a set of its own.
   *
   * @default all rows are one set
   */
  readonly by?: string
  /**
   * What a row of the answer is for: a label, or all pictures with the same number of labels.
   *
   * @default 'label'
   */
  readonly per?: 'label' | 'image'
  /**
   * Most labels, each counted once in every set; with more the stream fails.
   *
   * @default 10_000
   */
  readonly maxLabels?: number
}

const names = ['label', 'boxLabels', 'metrics', 'by', 'per', 'maxLabels'] as const

/**
 * Turns labelled pictures into a table of their labels: how many there are of each, and how many pictures have it.
 *
 * - Rows: one per label in the order of their names, at the end a null label for the pictures without any; with `by` the sets one after another. With `per: 'image'`
 *   one per number of labels that a picture has, fewest first; 0 are those without. They come after the last input row.
 * - Columns: `label` (text), `box_labels`, `outlier_metrics` (lists of text), those that are there → `label`, `images` (pictures that it is
 *   on), `labels` (how often it is there, on boxes too), `most_per_image`, `share` (Float64: of all labels of the set), `imbalance_ratio` (Float64: how many times as often
 *   the most frequent label of the set is there). With outliers also `flagged` (pictures that are one), `flagged_metrics` and `flagged_counts`
 *   (lists: by which metrics, most pictures first, and how many pictures). `per: 'image'` → `labels`, `images`, `share` (of all pictures of the set). With `by` its column comes first. All
 *   numbers are Int32 unless said otherwise; the other columns are left out.
 * - Nulls: a null label and a null in a list are none. Of pictures without label there are no `share` and `imbalance_ratio`.
 * - State: a record for each label. It is the state at a barrier.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong
 * @throws {SchemaError} if a named column is missing, there are no labels at all, a column is of another kind, or `by` is called as a column of the table
 * @throws {DataError} on the stream, if there are more labels than `maxLabels`
 * @example
 * flow.pipe(outliers(), labelStats()) // => { label: 'cat', images: 40, labels: 40, share: 0.2, flagged: 3, … }
 */
export function labelStats(
  options: LabelStatsOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('labelStats', options, names)
  for (const name of ['label', 'boxLabels', 'metrics', 'by'] as const)
    if (options[name] !== undefined) nonEmptyString(name, options[name])
  const per = oneOf('per', options.per ?? 'label', ['label', 'image'])
  const maxLabels = positiveInteger('maxLabels', options.maxLabels ?? 10_000)

  return operate<RecordBatch, RecordBatch>({
    name: 'labelStats',
    schema: (input) => new Schema(labelTableFields(columnsIn(input, options), per)),
    holds: `a record for each label, of which there are at most ${String(maxLabels)}`,
    learns: true,
    settings: { ...options, per, maxLabels },
    start() {
      let counting: { readonly columns: LabelColumns; readonly tally: LabelTally } | undefined
      function started(columns: LabelColumns) {
        return (counting ??= { columns, tally: new LabelTally(columns, maxLabels) })
      }
      return {
        *next(batch) {
          started(columnsIn(batch.schema, options)).tally.add(batch)
          yield* []
        },
        *flush() {
          if (!counting) return
          const { columns, tally } = counting
          if (tally.images > 0) yield labelTable(tally, columns, per)
        },
        snapshot: () => counting && { columns: counting.columns, tally: counting.tally.save() },
        restore(state) {
          const { columns, tally } = state as { columns: LabelColumns; tally: LabelTallyState }
          started(columns).tally.restore(tally)
        },
      }
    },
  })
}

/** The columns that there are of those that are named, or of the usual ones. */
function columnsIn(input: Schema, options: LabelStatsOptions): LabelColumns {
  function one(name: string | undefined, usual: string | undefined, kind: 'text' | 'texts') {
    const wanted = name ?? (input.names.includes(usual as string) ? usual : undefined)
    return wanted && requireField(input, wanted, { owner: 'labelStats', kind }).name
  }
  const label = one(options.label, 'label', 'text')
  const boxLabels = one(options.boxLabels, 'box_labels', 'texts')
  if (label === undefined && boxLabels === undefined)
    throw missingColumn('label', input, 'labelStats')
  const metrics = one(options.metrics, 'outlier_metrics', 'texts')
  return { label, boxLabels, metrics, by: one(options.by, undefined, 'text') }
}
