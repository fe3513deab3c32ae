import {
  type DataType,
  Field,
  Float64,
  Int32,
  List,
  type RecordBatch,
  Schema,
  Utf8,
} from 'apache-arrow'
import { tableOfRows } from '../batch/row-table.ts'
import { SchemaError } from '../errors.ts'
import type { LabelColumns, LabelCount, LabelTally, Name } from './label-tally.ts'

/** What a row of the table is for. */
export type LabelTablePer = 'label' | 'image'

/**
 * The fields of the table, from the columns that were counted.
 *
 * @throws {SchemaError} if the column of the sets is called as another of the table
 */
export function labelTableFields(columns: LabelColumns, per: LabelTablePer): Field[] {
  const { by } = columns
  const counted = countedFields(columns, per)
  if (by === undefined) return counted
  if (counted.some(({ name }) => name === by))
    throw new SchemaError(
      `Expected option \`by\` of labelStats to be a column that its table does not have itself, got \`${by}\`: rename it first`,
      { column: by },
    )
  return [new Field(by, new Utf8(), true), ...counted]
}

function countedFields({ metrics }: LabelColumns, per: LabelTablePer): Field[] {
  if (per === 'image')
    return [count('labels'), count('images'), new Field('share', new Float64(), false)]
  return [
    new Field('label', new Utf8(), true),
    ...[count('images'), count('labels'), count('most_per_image')],
    new Field('share', new Float64(), true),
    new Field('imbalance_ratio', new Float64(), true),
    ...(metrics === undefined
      ? []
      : [
          count('flagged'),
          list('flagged_metrics', new Utf8()),
          list('flagged_counts', new Int32()),
        ]),
  ]
}

/** What was counted, as a table. */
export function labelTable(
  tally: LabelTally,
  columns: LabelColumns,
  per: LabelTablePer,
): RecordBatch {
  const rows = per === 'label' ? labelRows(tally) : imageRows(tally)
  const first = columns.by === undefined ? 1 : 0
  return tableOfRows(
    new Schema(labelTableFields(columns, per)),
    rows.map((row) => row.slice(first)),
  )
}

function count(name: string): Field {
  return new Field(name, new Int32(), false)
}

function list(name: string, type: DataType): Field {
  return new Field(name, new List(new Field('item', type, false)), false)
}

/** A row of the answer: the set, then the values of the other fields. */
type Row = readonly [set: Name, ...values: unknown[]]

function labelRows(tally: LabelTally): Row[] {
  return tally.labels.flatMap(([set, labels]) => {
    const counts = labels.map(([, { labels: times }]) => times)
    const all = counts.reduce((sum, times) => sum + times, 0)
    const most = counts.reduce((a, b) => Math.max(a, b), 0)
    return labels.map(([label, of]): Row => {
      const { images, labels: times, mostPerImage, flagged } = of
      const balance = label === null ? [null, null] : [times / all, most / times]
      return [set, label, images, times, mostPerImage, ...balance, flagged, ...metricLists(of)]
    })
  })
}

function imageRows(tally: LabelTally): Row[] {
  return tally.perImage.flatMap(([set, counts]) => {
    const all = counts.reduce((sum, [, images]) => sum + images, 0)
    return counts.map(([labels, images]): Row => [set, labels, images, images / all])
  })
}

/** The metrics, those of most pictures first, and how many pictures. */
function metricLists({ metrics }: LabelCount): [string[], number[]] {
  const found = [...metrics].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return [found.map(([metric]) => metric), found.map(([, images]) => images)]
}
