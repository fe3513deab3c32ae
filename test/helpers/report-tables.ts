import { Field, Float64, List, type RecordBatch, Utf8, vectorFromArray } from 'apache-arrow'
import {
  batchOf,
  binaryColumn,
  boolColumn,
  type Column,
  float64Column,
  int32Column,
  textColumn,
  withColumns,
} from '../../src/batch/batch.ts'
import type { PageSummary } from '../../src/report/page-data.ts'

export interface ItemRow {
  id: string
  label?: string | null
  split?: string | null
  width?: number | null
  height?: number | null
  familiarity?: number | null
  percentile?: number | null
  labelFamiliarity?: number | null
  labelPercentile?: number | null
  x?: number | null
  y?: number | null
}

export interface GroupMember {
  group: number
  id: string
  kind?: string
  split?: string | null
  by?: string | null
  embedding?: number | null
  hash?: number | null
  keep?: boolean
}

/** Rows of `items.parquet`, in batches of `size`. */
export function itemBatches(rows: readonly ItemRow[], size = rows.length): RecordBatch[] {
  return cut(rows, size).map((part) =>
    batchOf([
      text('id', part, (r) => r.id),
      text('label', part, (r) => r.label),
      text('split', part, (r) => r.split),
      int32Column(
        'width',
        values(part, (r) => r.width),
      ),
      int32Column(
        'height',
        values(part, (r) => r.height),
      ),
      number('familiarity', part, (r) => r.familiarity),
      number('familiarity_percentile', part, (r) => r.percentile),
      number('label_familiarity', part, (r) => r.labelFamiliarity),
      number('label_familiarity_percentile', part, (r) => r.labelPercentile),
      number('x', part, (r) => r.x),
      number('y', part, (r) => r.y),
    ]),
  )
}

/** `batch` with statistics, every item unusual because of `text`, with `text` as a better label, in one cluster. */
export function withDoubts(batch: RecordBatch, text: string): RecordBatch {
  const { numRows } = batch
  function lists(name: string, type: Float64 | Utf8, list: readonly unknown[]): Column {
    const field = new Field(name, new List(new Field('item', type, true)), true)
    return { field, vector: vectorFromArray(Array(numRows).fill(list), field.type) }
  }
  function same(name: string, value: number): Column {
    return float64Column(name, new Float64Array(numRows).fill(value))
  }
  return withColumns(batch, [
    float64Column(
      'mean',
      Float64Array.from({ length: numRows }, (_, i) => i / numRows),
    ),
    lists('channel_mean', new Float64(), [0.25, 0.5, 0.75]),
    lists('outlier_metrics', new Utf8(), ['mean', text]),
    lists('outlier_reasons', new Utf8(), ['darker than others', text]),
    textColumn('suggested_label', Array<string>(numRows).fill(text)),
    int32Column('cluster', Array<number>(numRows).fill(0)),
    ...['outlier_score', 'label_error', 'label_confidence'].map((name) => same(name, 0.75)),
    ...['cluster_probability', 'cluster_outlier'].map((name) => same(name, 0.75)),
  ])
}

/** Rows of `groups.parquet`, in batches of `size`. */
export function groupBatches(rows: readonly GroupMember[], size = rows.length): RecordBatch[] {
  return cut(rows, size).map((part) =>
    batchOf([
      int32Column(
        'group',
        part.map((r) => r.group),
      ),
      text('kind', part, (r) => r.kind ?? 'exact'),
      text('id', part, (r) => r.id),
      text('split', part, (r) => r.split),
      text('by', part, (r) => r.by),
      number('embedding_distance', part, (r) => r.embedding),
      int32Column(
        'hash_distance',
        values(part, (r) => r.hash),
      ),
      boolColumn(
        'keep',
        part.map((r) => r.keep ?? false),
      ),
    ]),
  )
}

/** Rows of `rejects.parquet`. */
export function rejectBatches(rows: readonly { id: string; message: string }[]): RecordBatch[] {
  return cut(rows, rows.length).map((part) =>
    batchOf([
      text('id', part, (r) => r.id),
      text('operator', part, () => 'decode'),
      text('code', part, () => 'DATA'),
      text('message', part, (r) => r.message),
      int32Column(
        'attempt',
        part.map(() => 1),
      ),
    ]),
  )
}

/** One batch of thumbnails. */
export function thumbnailBatch(pictures: ReadonlyMap<string, Uint8Array>): RecordBatch {
  return batchOf([
    textColumn('id', [...pictures.keys()]),
    binaryColumn('thumbnail', [...pictures.values()]),
  ])
}

/** A summary with plausible values. */
export function summaryOf(given: Partial<PageSummary>): PageSummary {
  return {
    sources: ['pictures'],
    items: 0,
    rejects: 0,
    ignored: 0,
    exactGroups: 0,
    nearGroups: 0,
    leaks: { exact: 0, near: 0 },
    startedAt: '2026-03-04T05:06:07Z',
    timings: { total: 1.5 },
    versions: { millrace: '0.1.0' },
    parameters: { seed: 0 },
    ...given,
  }
}

function cut<T>(rows: readonly T[], size: number): T[][] {
  const parts: T[][] = []
  for (let i = 0; i < rows.length; i += size) parts.push(rows.slice(i, i + size))
  return parts
}

function values<T, V>(rows: readonly T[], of: (row: T) => V | null | undefined): (V | null)[] {
  return rows.map((row) => of(row) ?? null)
}

function text<T>(name: string, rows: readonly T[], of: (row: T) => string | null | undefined) {
  return textColumn(name, values(rows, of))
}

/** A missing number is NaN here, which reads as none, as a null does. */
function number<T>(name: string, rows: readonly T[], of: (row: T) => number | null | undefined) {
  return float64Column(
    name,
    Float64Array.from(rows, (row) => of(row) ?? NaN),
  )
}
