import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { batchOf, int32Column, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { report } from '../../../src/workflows/report.ts'
import type { FolderOptions } from '../../../src/workflows/workflow.ts'
import type { Row } from '../../helpers/batches.ts'
import { tinyModel } from '../../helpers/tiny-model.ts'
import {
  clipart,
  newFolder,
  rowsOf,
  summaryOf,
  unattended,
  writeBatch,
} from '../../helpers/workflows.ts'

const [a, b, c] = [
  'fruit/lime_half_slice_ganson',
  'bugs/abeille_tanguy_jacq_01',
  'desserts/candy_20',
].map((name) => readFileSync(join(clipart, 'test', `${name}.png`))) as [Buffer, Buffer, Buffer]

function folderWith(files: Readonly<Record<string, Uint8Array>>): string {
  const folder = newFolder()
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(name)), { recursive: true })
    writeFileSync(join(folder, name), bytes)
  }
  return folder
}

interface Reported {
  readonly summary: Row
  readonly items: Row[]
  readonly groups: Row[]
  readonly page: string
  readonly text: string
}

async function reported(options: Partial<FolderOptions>): Promise<Reported> {
  const out = newFolder()
  const { text } = await report({ sources: [], out, seed: 0, threads: 1, ...options }, unattended())
  return {
    summary: summaryOf(out),
    items: await rowsOf(join(out, 'items.parquet')),
    groups: await rowsOf(join(out, 'groups.parquet')),
    page: readFileSync(join(out, 'index.html'), 'utf8'),
    text: text.replace(/ in [\d.]+ s/, ''),
  }
}

const scripts = (page: string): number => page.match(/<script/g)?.length ?? 0

describe('report', () => {
  it("shows pictures to a model of one's own in the size that it wants", async () => {
    const model = join(newFolder(), 'small.onnx')
    writeFileSync(model, tinyModel({ shape: [1, 3, 8, 12] }))
    const sources = [{ path: folderWith({ 'a.png': a, 'b.png': b, 'c.png': c, 'd.png': a }) }]
    const { items, summary } = await reported({ sources, model })
    expect(items.map(({ id, near_id }) => [id, near_id]).slice(0, 1)).toEqual([['a.png', 'd.png']])
    expect(summary['items']).toBe(4)
  })

  it('works on one picture, which has no neighbour', async () => {
    const { items, groups, text } = await reported({
      sources: [{ path: folderWith({ 'a.png': a }) }],
    })
    expect(items).toMatchObject([
      {
        ...{ id: 'a.png', label: null, split: null },
        ...{ outlier_score: null, label_error: null, cluster: -1, missing: 0 },
        ...{ width: 256, height: 163, channels: 4, bytes: a.length },
        ...{ exact_group: null, near_group: null, near_id: null, near_distance: null },
        ...{ familiarity: expect.any(Number) as number, familiarity_percentile: 100, x: 0, y: 0 },
        ...{ label_familiarity: null, label_familiarity_percentile: null },
      },
    ])
    expect(groups).toEqual([])
    expect(text).toMatch(
      /^1 item, 0 rejects\n0 groups of exact copies, 0 across splits\n0 groups of near duplicates \(0 of more than exact copies\), 0 across splits\nreport: /,
    )
  })

  it('works on three pictures that are the same', async () => {
    const files = { '1.png': a, '2.png': a, '3.png': a }
    const { items, groups, summary } = await reported({ sources: [{ path: folderWith(files) }] })
    expect(
      items.map((row) => [row['exact_group'], row['near_group'], row['near_distance']]),
    ).toEqual(Array(3).fill([0, 0, 0]))
    const ids = ['1.png', '2.png', '3.png']
    expect(groups.map(({ kind, id, keep }) => [kind, id, keep])).toEqual(
      ['exact', 'near'].flatMap((kind) => ids.map((id) => [kind, id, id === '1.png'])),
    )
    expect(summary).toMatchObject({ exactGroups: 1, nearGroups: 1, leaks: { exact: 0, near: 0 } })
  })

  it('reads splits one after another, and finds what leaks between them', async () => {
    const train = folderWith({ 'a.png': a, 'b.png': b, 'notes.txt': Buffer.from('x') })
    const test = folderWith({ 'a.png': b, 'broken.png': Buffer.from('x') })
    const sources = [
      { path: train, split: 'train' },
      { path: test, split: 'test' },
    ]
    const { items, groups, summary } = await reported({ sources })
    expect(items.map(({ id, split, near_id }) => [id, split, near_id])).toEqual([
      ['train/a.png', 'train', expect.any(String)],
      ['train/b.png', 'train', 'test/a.png'],
      ['test/a.png', 'test', 'train/b.png'],
    ])
    expect(groups.map(({ kind, id, split, keep }) => [kind, id, split, keep])).toEqual(
      ['exact', 'near'].flatMap((kind) => [
        [kind, 'train/b.png', 'train', false],
        [kind, 'test/a.png', 'test', true],
      ]),
    )
    expect(summary).toMatchObject({
      sources: [`train=${train}`, `test=${test}`],
      ...{ items: 3, rejects: 1, ignored: 1 },
      ...{ splits: { train: 2, test: 1 }, leaks: { exact: 1, near: 1 } },
    })
  })

  it('takes labels from a pattern, and counts what does not match', async () => {
    const files = { 'cat-1.png': a, 'dog-2.png': b, 'other.png': c }
    const sources = [{ path: folderWith(files) }]
    const { items, summary } = await reported({ sources, labels: '{label}-{name}.png', limit: 3 })
    expect(items.map(({ label }) => label)).toEqual(['cat', 'dog', null])
    expect(summary).toMatchObject({ labels: { cat: 1, dog: 1 }, unlabelled: 1 })
    expect(summary['parameters']).toMatchObject({ labels: '{label}-{name}.png', limit: 3 })
  })

  it('stops at the limit, rejects counted', async () => {
    const files = { '1.png': a, '2.png': Buffer.from('x'), '3.png': b, '4.png': c }
    const { summary } = await reported({ sources: [{ path: folderWith(files) }], limit: 3 })
    expect(summary).toMatchObject({ items: 2, rejects: 1, ignored: 0 })
  })

  it('works on file names that are made to break it', async () => {
    const hostile = '"quotes\' & <script>alert(1)<!-- \n`$\\.png'
    const plain = await reported({ sources: [{ path: folderWith({ 'a.png': a, 'b.png': a }) }] })
    const { items, groups, page } = await reported({
      sources: [{ path: folderWith({ [hostile]: a, 'b.png': a }) }],
    })
    expect(items.map(({ id }) => id)).toEqual([hostile, 'b.png'])
    expect(groups.map(({ id }) => id)).toEqual([hostile, 'b.png', hostile, 'b.png'])
    expect(page).toContain('&lt;script&gt;alert(1)')
    expect(page).not.toContain('<script>alert')
    expect(page).not.toContain('<!-- \n')
    expect(scripts(page)).toBe(scripts(plain.page))
  })

  it('tells what could not be read where nothing could', async () => {
    const path = folderWith({
      'train/a/cut.png': a.subarray(0, 200),
      'train/a/zero.png': a.subarray(0, 0),
    })
    const { items, summary, page, text } = await reported({ sources: [{ path }] })
    expect(items).toEqual([])
    expect(summary).toMatchObject({ items: 0, rejects: 2, splitGaps: [] })
    expect(text).toMatch(/^0 items, 2 rejects\n/)
    expect(page).toContain('Expected a picture, got no bytes')
  })

  it('needs no pictures where a Parquet file has embeddings', async () => {
    const path = join(newFolder(), 'rows.parquet')
    const [size, width] = [60, 24]
    const values = Float32Array.from({ length: size * width }, (_, i) => Math.sin(i * i * 1.7))
    values.copyWithin(10 * width, 0, width)
    const label = Array.from({ length: size }, (_, row) => (row % 2 === 0 ? 'even' : 'odd'))
    const batch = batchOf([
      textColumn(
        'id',
        Array.from({ length: size }, (_, row) => `row ${String(row)}`),
      ),
      textColumn('label', label),
      // No metric: one is nominal, one is text.
      int32Column('channels', Array<number>(size).fill(3)),
      textColumn('sharpness', Array<string>(size).fill('high')),
      tensorColumn('embedding', [width], values),
    ])
    await writeBatch(path, batch)
    const { items, groups, summary, page } = await reported({ sources: [{ path }] })
    expect(items).toHaveLength(size)
    expect(Object.keys(items[0] ?? {})).toEqual([
      ...['id', 'label', 'channels', 'exact_group', 'near_group', 'near_id', 'near_distance'],
      ...['familiarity', 'familiarity_percentile'],
      ...['label_familiarity', 'label_familiarity_percentile', 'sharpness'],
      ...['suggested_label', 'label_error', 'label_confidence'],
      ...['cluster', 'cluster_probability', 'cluster_outlier', 'x', 'y'],
    ])
    expect(items[0]).toMatchObject({ near_id: 'row 10', label: 'even' })
    expect(items[0]?.['near_distance']).toBeCloseTo(0, 6)
    expect(groups.map(({ kind, id, by }) => [kind, id, by])).toEqual([
      ['near', 'row 0', null],
      ['near', 'row 10', 'embedding'],
    ])
    expect(summary).toMatchObject({
      ...{ items: size, rejects: 0, ignored: 0, decoded: 0, nearGroups: 1 },
      ...{
        labels: { even: 30, odd: 30 },
        parameters: { model: 'none', model_hash: null, pcaComponents: 24 },
      },
    })
    expect(page).toContain('row 10')
  })
})
