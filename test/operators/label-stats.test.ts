import { Field, List, type RecordBatch, Utf8, vectorFromArray } from 'apache-arrow'
import { from, lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { labelStats, type LabelStatsOptions } from '../../operators/label-stats.ts'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Barrier } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { pulled, runFrom } from '../helpers/runs.ts'

type Text = string | null
type Texts = readonly Text[] | null

interface Picture {
  readonly label?: Text
  readonly split?: Text
  readonly box_labels?: Texts
  readonly outlier_metrics?: Texts
}

const texts = new List(new Field('item', new Utf8(), true))

function batchesOf(pictures: readonly Picture[], size: number): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; at < pictures.length; at += size) {
    const rows = pictures.slice(at, at + size)
    const names = Object.keys(pictures[0] ?? {}) as (keyof Picture)[]
    batches.push(
      batchOf([
        textColumn(
          'id',
          [...rows.keys()].map((row) => String(at + row)),
        ),
        ...names.map((name) => {
          const values = rows.map((row) => row[name] ?? null)
          if (name === 'label' || name === 'split') return textColumn(name, values as Text[])
          return { field: new Field(name, texts, true), vector: vectorFromArray(values, texts) }
        }),
      ]),
    )
  }
  return batches
}

function plain(value: unknown): unknown {
  return value !== null && typeof value === 'object' ? [...(value as Iterable<unknown>)] : value
}

function rowsIn(batches: readonly unknown[]): unknown[][] {
  return (batches as RecordBatch[]).flatMap((batch) =>
    batch.toArray().map((row): unknown[] => Object.values(row.toJSON()).map(plain)),
  )
}

async function statsOf(
  pictures: readonly Picture[],
  options: LabelStatsOptions = {},
  size = 2,
): Promise<unknown[][]> {
  const flow = from(batchesOf(pictures, size)).pipe(labelStats(options), toArray())
  return rowsIn(await lastValueFrom(flow))
}

const pictures: readonly Picture[] = [
  { label: 'cat', split: 'train', outlier_metrics: ['size', 'mean'] },
  { label: 'dog', split: 'train', outlier_metrics: [] },
  { label: 'cat', split: 'test', outlier_metrics: null },
  { label: null, split: 'test', outlier_metrics: ['mean'] },
  { label: 'cat', split: null, outlier_metrics: ['mean'] },
]

const boxes: readonly Picture[] = [
  { box_labels: ['car', 'car', 'bus'] },
  { box_labels: [] },
  { box_labels: ['bus'] },
  { box_labels: null },
  { box_labels: [null] },
]

const cases: {
  name: string
  rows: readonly Picture[]
  options?: LabelStatsOptions
  expected: unknown[][]
}[] = [
  { name: 'no rows have no table', rows: [], expected: [] },
  {
    name: 'labels by name, those without last, and the metrics they are flagged by',
    rows: pictures,
    expected: [
      ['cat', 3, 3, 1, 0.75, 1, 2, ['mean', 'size'], [2, 1]],
      ['dog', 1, 1, 1, 0.25, 3, 0, [], []],
      [null, 1, 0, 0, null, null, 1, ['mean'], [1]],
    ],
  },
  {
    name: 'each split a set of its own',
    rows: pictures.map(({ label = null, split = null }) => ({ label, split })),
    options: { by: 'split' },
    expected: [
      ['test', 'cat', 1, 1, 1, 1, 1],
      ['test', null, 1, 0, 0, null, null],
      ['train', 'cat', 1, 1, 1, 0.5, 1],
      ['train', 'dog', 1, 1, 1, 0.5, 1],
      [null, 'cat', 1, 1, 1, 1, 1],
    ],
  },
  {
    name: 'labels of boxes',
    rows: boxes,
    expected: [
      ['bus', 2, 2, 1, 0.5, 1],
      ['car', 1, 2, 2, 0.5, 1],
      [null, 3, 0, 0, null, null],
    ],
  },
  {
    name: 'a label of the picture beside those of its boxes',
    rows: [{ label: 'car', box_labels: ['car', 'bus'] }],
    expected: [
      ['bus', 1, 1, 1, 1 / 3, 2],
      ['car', 1, 2, 2, 2 / 3, 1],
    ],
  },
  {
    name: 'how many pictures have how many labels',
    rows: boxes,
    options: { per: 'image' },
    expected: [
      [0, 3, 0.6],
      [1, 1, 0.2],
      [3, 1, 0.2],
    ],
  },
  {
    name: 'the same by split',
    rows: pictures,
    options: { per: 'image', by: 'split' },
    expected: [
      ['test', 0, 1, 0.5],
      ['test', 1, 1, 0.5],
      ['train', 1, 2, 1],
      [null, 1, 1, 1],
    ],
  },
]

describe('labelStats', () => {
  it.each(cases)('counts: $name', async ({ rows, options, expected }) => {
    for (const size of [1, 2, 99]) expect(await statsOf(rows, options, size)).toEqual(expected)
  })

  it('says in its schema which columns come', async () => {
    for (const [rows, options] of [
      [pictures, { by: 'split' }],
      [boxes, { per: 'image' }],
    ] as const) {
      const [batch] = batchesOf(rows, 9) as [RecordBatch]
      const flow = flowOf(sourceOf([batch]).pipe(labelStats(options)))
      expect(String(await flow.schema())).toBe(String((await lastValueFrom(flow)).schema))
    }
  })

  it.each([1, 2, 3])('goes on from a barrier behind %i batches', async (behind) => {
    const batches = batchesOf(pictures, 2)
    const barrier = new Barrier(1)
    const first = [...batches.slice(0, behind), barrier, ...batches.slice(behind)]
    const whole = await pulled(flowOf(sourceOf(first).pipe(labelStats())), runFrom(new Map()))
    const rest = flowOf(sourceOf(batches.slice(behind)).pipe(labelStats()))
    const resumed = await pulled(rest, runFrom(barrier.states))
    expect(rowsIn(resumed)).toEqual(rowsIn(whole.filter((value) => value !== barrier)))
    expect(rowsIn(resumed)).toEqual(await statsOf(pictures))
  })

  it('fails beyond `maxLabels`, and holds no more', async () => {
    expect(await statsOf(pictures, { maxLabels: 3 })).toHaveLength(3)
    await expect(statsOf(pictures, { maxLabels: 2 })).rejects.toThrow(DataError)
    const batches = batchesOf(pictures, 2)
    const barrier = new Barrier(1)
    const first = flowOf(
      sourceOf([...batches.slice(0, 1), barrier]).pipe(labelStats({ maxLabels: 2 })),
    )
    await pulled(first, runFrom(new Map()))
    const rest = flowOf(sourceOf(batches.slice(1)).pipe(labelStats({ maxLabels: 2 })))
    await expect(pulled(rest, runFrom(barrier.states))).rejects.toThrow(DataError)
  })

  it('counts more labels than a call takes arguments', async () => {
    const many = Array.from({ length: 130_000 }, (_, i) => `l${String(i)}`)
    const flow = from([batchOf([textColumn('label', many)])])
    const table = await lastValueFrom(flow.pipe(labelStats({ maxLabels: 130_000 })))
    expect(table.numRows).toBe(130_000)
  })

  it('checks its options and columns', async () => {
    expect(() => labelStats({ per: 'box' as never })).toThrow(OptionError)
    expect(() => labelStats({ labels: 'label' } as never)).toThrow(OptionError)
    await expect(statsOf([{ split: 'a' }])).rejects.toThrow(SchemaError)
    await expect(statsOf(pictures, { label: 'class' })).rejects.toThrow(SchemaError)
    await expect(statsOf(pictures, { by: 'label' })).rejects.toThrow(
      new SchemaError(
        'Expected option `by` of labelStats to be a column that its table does not have itself, got `label`: rename it first',
        { column: 'label' },
      ),
    )
    expect(await statsOf(pictures, { by: 'label', per: 'image' })).toHaveLength(3)
    await expect(statsOf(boxes, { label: 'box_labels' })).rejects.toThrow(
      new SchemaError('Expected column `box_labels` of labelStats to be text, got List<Utf8>', {
        column: 'box_labels',
      }),
    )
  })
})

function sourceOf(values: readonly (RecordBatch | Barrier)[]): Flow<RecordBatch> {
  const [first] = values as RecordBatch[]
  return new Flow<RecordBatch>(
    async function* () {
      for (const value of values) yield await Promise.resolve(value)
    },
    { name: 'rows', role: 'source', bounded: true, ...(first && { schema: () => first.schema }) },
  )
}
