import { Field, Float64, List, type RecordBatch, Utf8, vectorFromArray } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import {
  batchOf,
  type Column,
  float64Column,
  int32Column,
  textColumn,
} from '../../../src/batch/batch.ts'
import { PageSelection } from '../../../src/report/page-selection.ts'

interface Row {
  readonly id: string
  readonly label: string | null
  readonly mean: number
  readonly channels: readonly number[]
  readonly flags: readonly string[]
  readonly score: number
  readonly suggested: string | null
  readonly error: number
  readonly cluster: number
  readonly apart: number
}

const rows: Row[] = Array.from({ length: 100 }, (_, i) => ({
  id: String(i).padStart(3, '0'),
  label: i === 7 ? null : i % 4 === 0 ? 'a' : 'b',
  mean: i / 100,
  channels: [i / 100, 1, 0],
  flags: i % 10 === 0 ? ['mean', 'std'] : i === 99 ? ['std'] : [],
  score: i,
  suggested: i % 2 === 0 ? 'c' : null,
  error: i / 100,
  cluster: i % 3 === 0 ? -1 : (i % 3) + 4,
  apart: i === 50 ? 0.75 : i / 1_000,
}))

function lists(
  name: string,
  type: Utf8 | Float64,
  values: readonly (readonly unknown[])[],
): Column {
  const field = new Field(name, new List(new Field('item', type, true)), true)
  return { field, vector: vectorFromArray(values, field.type) }
}

function batchesOf(part: readonly Row[], size: number): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let from = 0; from < part.length; from += size) {
    const some = part.slice(from, from + size)
    function numbers(name: string, of: (row: Row) => number): Column {
      return float64Column(name, Float64Array.from(some, of))
    }
    batches.push(
      batchOf([
        ...(['id', 'label'] as const).map((name) =>
          textColumn(
            name,
            some.map((r) => r[name]),
          ),
        ),
        numbers('mean', (r) => r.mean),
        lists(
          'channel_mean',
          new Float64(),
          some.map((r) => r.channels),
        ),
        lists(
          'outlier_metrics',
          new Utf8(),
          some.map((r) => r.flags),
        ),
        lists(
          'outlier_reasons',
          new Utf8(),
          some.map((r) => r.flags.map((f) => `by ${f}`)),
        ),
        numbers('outlier_score', (r) => r.score),
        textColumn(
          'suggested_label',
          some.map((r) => r.suggested),
        ),
        numbers('label_error', (r) => r.error),
        numbers('label_confidence', (r) => (Number(r.id) < 20 ? 0.39 : 0.4)),
        int32Column(
          'cluster',
          some.map((r) => r.cluster),
        ),
        numbers('cluster_probability', (r) => r.score),
        numbers('cluster_outlier', (r) => r.apart),
      ]),
    )
  }
  return batches
}

function selected(size: number) {
  const selection = new PageSelection({ seed: 0 })
  for (const batch of batchesOf(rows, size)) selection.addItems(batch)
  return selection.finish()
}

describe('PageSelection of statistics, outliers, labels and clusters', () => {
  const page = selected(100)

  it('does not depend on the batches', () => {
    expect(selected(7)).toEqual(page)
  })

  it('counts the values of a metric, all and by channel', () => {
    const [mean] = page.metrics
    expect(page.metrics).toHaveLength(1)
    expect(mean).toMatchObject({ metric: { name: 'mean' }, count: 100, least: 0, most: 0.99 })
    expect(mean?.values.channels.map(({ counts }) => counts.reduce((a, b) => a + b))).toEqual([
      100, 100, 100,
    ])
    expect(mean?.logarithms).toBe(undefined)
    expect(mean?.values.channels[1]).toMatchObject({ from: 1, counts: [100] })
  })

  it('puts what is farthest out first, and counts by metric and label', () => {
    const { outliers } = page
    expect(outliers?.flagged).toBe(11)
    expect(outliers?.outliers[0]).toMatchObject({ item: { id: '099' }, reasons: ['by std'] })
    expect(outliers?.outliers[1]).toMatchObject({
      item: { id: '090' },
      reasons: ['by mean', 'by std'],
    })
    expect(
      outliers?.metrics.map(({ name, count, outliers: best }) => [name, count, best.length]),
    ).toEqual([
      ['std', 11, 8],
      ['mean', 10, 8],
    ])
    expect(outliers?.labels).toEqual([
      {
        label: 'b',
        items: 74,
        flagged: 6,
        byMetric: new Map([
          ['mean', 5],
          ['std', 6],
        ]),
      },
      {
        label: 'a',
        items: 25,
        flagged: 5,
        byMetric: new Map([
          ['mean', 5],
          ['std', 5],
        ]),
      },
      { label: null, items: 1, flagged: 0, byMetric: new Map() },
    ])
  })

  it('takes the most doubtful labels of those with another suggested', () => {
    expect(page.labelErrors).toMatchObject({ count: 40, weak: 10 })
    expect(page.labelErrors?.errors).toHaveLength(24)
    expect(page.labelErrors?.errors[0]).toMatchObject({
      item: { id: '098' },
      suggested: 'c',
      error: 0.98,
    })
  })

  it('shows the surest members of clusters, and what lies apart', () => {
    const { clusters } = page
    expect(clusters).toMatchObject({ total: 2, none: 34 })
    expect(clusters?.clusters.map(({ cluster, size }) => [cluster, size])).toEqual([
      [5, 33],
      [6, 33],
    ])
    expect(clusters?.clusters[0]?.members.map(({ id }) => id)).toEqual([
      '097',
      '094',
      '091',
      '088',
      '085',
      '082',
    ])
    expect(clusters?.outliers[0]).toMatchObject({ item: { id: '050' }, score: 0.75 })
  })

  it('knows nothing of what there is no column of', () => {
    const selection = new PageSelection({ seed: 0 })
    selection.addItems(batchOf([textColumn('id', ['a'])]))
    const none = { metrics: [], outliers: undefined, labelErrors: undefined, clusters: undefined }
    expect(selection.finish()).toMatchObject(none)
  })
})
