import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../../helpers/batches.ts'
import { type Ended, millrace } from '../../helpers/command.ts'
import { clipart, columnTypes, filesUnder, newFolder, rowsOf } from '../../helpers/workflows.ts'

interface Truth {
  readonly exact: readonly (readonly [string, string])[]
  readonly near: readonly { readonly of: string; readonly id: string }[]
  readonly corrupt: readonly { readonly id: string }[]
}

interface Member {
  readonly group: number
  readonly kind: 'exact' | 'near'
  readonly id: string
  readonly split: string | null
  readonly by: string | null
  readonly keep: boolean
}

const truth = JSON.parse(readFileSync(`${clipart}.truth.json`, 'utf8')) as Truth
const files = filesUnder(clipart)
const out = join(newFolder(), 'report')

let ended: Ended
let summary: Row
let items: Row[]
let embeddings: Row[]
let members: Member[]
let rejects: Row[]

beforeAll(async () => {
  ended = await millrace(['report', clipart, '--out', out, '--json', '--quiet'])
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  summary = JSON.parse(ended.stdout) as Row
  items = await rowsOf(join(out, 'items.parquet'))
  embeddings = await rowsOf(join(out, 'embeddings.parquet'))
  members = (await rowsOf(join(out, 'groups.parquet'))) as unknown as Member[]
  rejects = await rowsOf(join(out, 'rejects.parquet'))
}, 240_000)

/** Whether `a` and `b` are in one group of `kind`. */
function together(kind: Member['kind'], a: string, b: string): boolean {
  const groupOf = (id: string): number | undefined =>
    members.find((member) => member.kind === kind && member.id === id)?.group
  return groupOf(a) !== undefined && groupOf(a) === groupOf(b)
}

/** The members of each group of `kind`, by its number. */
function groupsOf(kind: Member['kind']): Map<number, Member[]> {
  const groups = new Map<number, Member[]>()
  for (const member of members)
    if (member.kind === kind)
      groups.set(member.group, [...(groups.get(member.group) ?? []), member])
  return groups
}

function leaksOf(kind: Member['kind']): Member[][] {
  return [...groupsOf(kind).values()].filter(
    (group) => new Set(group.map(({ split }) => split)).size > 1,
  )
}

const splitOf = (id: string): string | undefined => id.split('/')[0]

describe('report on the bundled pictures', () => {
  it('rejects the planted corrupt files, each with a reason', () => {
    const found = truth.corrupt.map(({ id }) => rejects.find((reject) => reject['id'] === id))
    expect(truth.corrupt).toHaveLength(5)
    expect(found).toEqual(
      truth.corrupt.map(({ id }) => ({
        ...{ id, operator: 'decode', attempt: 1 },
        code: expect.stringMatching(/^(EMPTY|FORMAT|DAMAGED)$/) as string,
        message: expect.stringMatching(/^Expected .+, got .+/) as string,
      })),
    )
    expect(rejects).toHaveLength(5)
  })

  it('accounts for every file, in the order of the folder', () => {
    const { items: kept, rejects: rejected, ignored } = summary
    expect(Number(kept) + Number(rejected) + Number(ignored)).toBe(files.length)
    expect([kept, rejected, ignored]).toEqual([files.length - 5, 5, 0])
    const faulty = new Set(rejects.map(({ id }) => id))
    const ids = files.filter((file) => !faulty.has(file))
    expect(items.map(({ id }) => id)).toEqual(ids)
    expect(embeddings.map(({ id }) => id)).toEqual(ids)
  })

  it('groups the planted exact copies, and the four that leak across splits', () => {
    expect(truth.exact.filter(([a, b]) => !together('exact', a, b))).toEqual([])
    const planted = truth.exact.filter(([a, b]) => splitOf(a) !== splitOf(b))
    const leaks = new Set(leaksOf('exact').flatMap((group) => group.map(({ id }) => id)))
    expect(planted).toHaveLength(4)
    expect(planted.filter(([a, b]) => !leaks.has(a) || !leaks.has(b))).toEqual([])
  })

  it('groups few near duplicates that were not planted', () => {
    const planted = new Set(truth.near.flatMap(({ of, id }) => [`${of} ${id}`, `${id} ${of}`]))
    const copies = truth.exact.flatMap(([a, b]) => [`${a} ${b}`, `${b} ${a}`])
    const others = [...groupsOf('near').values()].flatMap((group) => {
      const kept = group.find(({ keep }) => keep)?.id ?? ''
      const pairs = group.filter(({ keep }) => !keep).map(({ id }) => `${kept} ${id}`)
      return pairs.filter((pair) => !planted.has(pair) && !copies.includes(pair))
    })
    // Five; looked at, three are right: see docs/duplicates.md.
    expect(others.length).toBeLessThanOrEqual(8)
  })

  it('groups at least 19 of the 22 planted near duplicates with their original', () => {
    const found = truth.near.filter(({ of, id }) => together('near', of, id))
    expect(truth.near).toHaveLength(22)
    expect(found.length).toBeGreaterThanOrEqual(19)
  })

  it('writes groups that hold together', () => {
    for (const kind of ['exact', 'near'] as const) {
      const groups = [...groupsOf(kind).values()]
      for (const group of groups) {
        expect(group.length).toBeGreaterThan(1)
        expect(group.filter(({ keep }) => keep)).toHaveLength(1)
        expect(group.filter(({ by }) => by === null).map(({ keep }) => keep)).toEqual([true])
        expect(new Set(group.map(({ id }) => id)).size).toBe(group.length)
      }
      const places = new Map(items.map(({ id }, row) => [id, row]))
      const firsts = groups.map((group) =>
        Math.min(...group.map(({ id }) => places.get(id) ?? NaN)),
      )
      expect(firsts).toEqual([...firsts].sort((a, b) => a - b))
      const column = items.flatMap((row) => row[`${kind}_group`] ?? [])
      expect(column).toHaveLength(members.filter((member) => member.kind === kind).length)
    }
    for (const [a, ...rest] of groupsOf('exact').values())
      for (const b of rest) expect(together('near', a?.id ?? '', b.id)).toBe(true)
  })

  it('finds the nearest other item of each', () => {
    const vectors = embeddings.map(({ embedding }) => unit(embedding as Iterable<number>))
    for (const [row, { near_id, near_distance }] of items.entries()) {
      const others = vectors.map((v, i) => (i === row ? Infinity : 1 - dot(v, vectors[row] ?? v)))
      const nearest = Math.min(...others)
      const named = others[items.findIndex(({ id }) => id === near_id)]
      expect(near_distance).toBeCloseTo(nearest, 5)
      expect(named).toBeCloseTo(nearest, 5)
    }
  })

  it('writes the columns that it promises', async () => {
    const both = [
      ...['mean', 'std', 'var', 'skew', 'kurtosis', 'entropy', 'brightness', 'darkness'],
      ...['contrast', 'sharpness', 'zeros', 'missing'],
    ]
    const statistics = {
      ...{ size: 'Float64', aspect_ratio: 'Float64', depth: 'Int32' },
      ...Object.fromEntries(both.map((name) => [name, 'Float64'])),
      ...Object.fromEntries(
        both.filter((n) => n !== 'sharpness').map((name) => [`channel_${name}`, 'List<Float64>']),
      ),
    }
    expect(await columnTypes(join(out, 'items.parquet'))).toEqual({
      ...{ id: 'Utf8', label: 'Utf8', split: 'Utf8' },
      ...{ width: 'Int32', height: 'Int32', channels: 'Int32', bytes: 'Int32' },
      ...{ exact_group: 'Int32', near_group: 'Int32', near_id: 'Utf8', near_distance: 'Float64' },
      ...{ familiarity: 'Float64', familiarity_percentile: 'Float64' },
      ...{ label_familiarity: 'Float64', label_familiarity_percentile: 'Float64' },
      ...statistics,
      ...{ outlier_metrics: 'List<Utf8>', outlier_reasons: 'List<Utf8>' },
      ...{ outlier_values: 'List<Float64>', outlier_bounds: 'List<Float64>' },
      outlier_score: 'Float64',
      ...{ suggested_label: 'Utf8', label_error: 'Float64', label_confidence: 'Float64' },
      ...{ cluster: 'Int32', cluster_probability: 'Float64', cluster_outlier: 'Float64' },
      ...{ x: 'Float64', y: 'Float64' },
    })
    expect(await columnTypes(join(out, 'embeddings.parquet'))).toEqual({
      ...{ id: 'Utf8', content_hash: 'Utf8', model_hash: 'Utf8' },
      ...{ embedding: 'FixedSizeList[1792]<Float32>', phash: 'Binary' },
      ...{ width: 'Int32', height: 'Int32', channels: 'Int32', thumbnail: 'Binary' },
      ...statistics,
    })
    expect(await columnTypes(join(out, 'groups.parquet'))).toEqual({
      ...{ group: 'Int32', kind: 'Utf8', id: 'Utf8', split: 'Utf8', by: 'Utf8' },
      ...{ embedding_distance: 'Float64', hash_distance: 'Int32', keep: 'Bool' },
    })
    expect(await columnTypes(join(out, 'rejects.parquet'))).toEqual({
      ...{ id: 'Utf8', operator: 'Utf8', code: 'Utf8', message: 'Utf8', attempt: 'Int32' },
    })
  })

  it('describes each item as its path and its bytes do', () => {
    for (const { id, label, split, bytes } of items)
      expect([split, label, bytes]).toEqual([
        ...String(id).split('/').slice(0, 2),
        statSync(join(clipart, String(id))).size,
      ])
    const numbers = ['familiarity', 'x', 'y'].flatMap((name) => items.map((row) => row[name]))
    expect(numbers.filter((value) => !Number.isFinite(value))).toEqual([])
    const percentiles = items.map((row) => Number(row['familiarity_percentile']))
    expect([Math.min(...percentiles) >= 0, Math.max(...percentiles)]).toEqual([true, 100])
  })

  it('writes a summary that agrees with the tables', () => {
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toEqual(summary)
    const labels = items.map(({ label }) => String(label))
    expect(summary).toEqual({
      sources: [clipart],
      ...{ items: items.length, rejects: 5, ignored: 0, decoded: items.length, unlabelled: 0 },
      exactGroups: groupsOf('exact').size,
      nearGroups: groupsOf('near').size,
      lookAlikeGroups: [...groupsOf('near').values()].filter((group) =>
        group.some(({ by }) => by === 'embedding' || by === 'phash'),
      ).length,
      leftOut: [],
      leaks: { exact: leaksOf('exact').length, near: leaksOf('near').length },
      labels: Object.fromEntries(
        [...new Set(labels)].sort().map((l) => [l, labels.filter((label) => label === l).length]),
      ),
      splitGaps: [
        expect.objectContaining({ fit: 'test', other: 'train', rows: 218, band: 'no gap' }),
        expect.objectContaining({ fit: 'train', other: 'test', rows: 81, band: 'no gap' }),
      ],
      splits: Object.fromEntries(
        ['test', 'train'].map((s) => [s, items.filter(({ split }) => split === s).length]),
      ),
      startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      timings: {
        tables: expect.any(Number) as number,
        page: expect.any(Number) as number,
        total: expect.any(Number) as number,
      },
      versions: expect.objectContaining({ node: process.versions.node }) as object,
      parameters: {
        model: 'bundled MobileNetV2 1.4',
        model_hash: embeddings[0]?.['model_hash'],
        ...{ labels: 'from folders', seed: 0, pcaComponents: 32 },
        duplicates: { rule: 'evidence', linkage: 'star' },
        familiarity: { covariance: 'diagonal' },
      },
    })
  })

  it('writes the page and the models', () => {
    const { size } = statSync(join(out, 'index.html'))
    expect(size).toBeGreaterThan(100_000)
    expect(size).toBeLessThan(20_000_000)
    for (const part of ['pca', 'gmm', 'neighbors'])
      expect(filesUnder(join(out, 'models', part))).toContain('model.json')
    expect(filesUnder(out).filter((name) => name.includes('tmp'))).toEqual([])
  })
})

function unit(values: Iterable<number>): Float64Array {
  const vector = Float64Array.from(values)
  const length = Math.sqrt(dot(vector, vector))
  return vector.map((value) => value / length)
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}
