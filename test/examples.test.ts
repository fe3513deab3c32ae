import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { fromParquet } from '../connectors/from-parquet.ts'
import { millrace } from './helpers/command.ts'

type Row = Readonly<Record<string, unknown>>

const examples = join(import.meta.dirname, '..', 'examples')
const fixtures = join(import.meta.dirname, 'fixtures', 'examples')
const folder = mkdtempSync(join(tmpdir(), 'millrace-examples-'))
const timeout = 180_000

afterAll(() => {
  rmSync(folder, { recursive: true })
})

/**
 * How far scores may be from those of another processor, whose float32 differs in the last digits. Embeddings
 * changed by one part in 100,000 move a familiarity by .0013, a percentile by .7 (two ranks), a distance by 1.2e-6.
 */
const tolerances: Readonly<Record<string, number>> = {
  familiarity: 0.02,
  familiarity_percentile: 1,
  near_distance: 1e-5,
  embedding_distance: 1e-5,
}

/** Compares rows with those of a file: scores within their tolerances, all else exactly. */
function expectRows(actual: readonly Row[], name: string): void {
  const file = join(fixtures, name)
  if (process.env['UPDATE_GOLDEN'] === '1')
    writeFileSync(file, actual.map((row) => `${JSON.stringify(row, rounded)}\n`).join(''))
  const expected = rowsOf(readFileSync(file, 'utf8'))
  expect(actual.map(withoutScores)).toEqual(expected.map(withoutScores))
  const wrong = actual.flatMap((row, i) =>
    Object.keys(tolerances).flatMap((key) => {
      const [got, wanted] = [row[key], expected[i]?.[key]]
      const near =
        typeof got === 'number' && typeof wanted === 'number'
          ? Math.abs(got - wanted) <= (tolerances[key] ?? 0)
          : got === wanted
      return near ? [] : [{ id: row['id'], key, got, wanted }]
    }),
  )
  expect(wrong).toEqual([])
}

function withoutScores(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([key]) => !(key in tolerances)))
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toFixed(6)) : value
}

function rowsOf(lines: string): Row[] {
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
}

async function table(path: string): Promise<Row[]> {
  const rows: Row[] = []
  for await (const batch of fromParquet(path)) for (const row of batch) rows.push(row.toJSON())
  return rows
}

describe('examples', () => {
  it.each([
    'report-folder.ts',
    'score-new-batch.ts',
    'online-monitor.ts',
    'arrivals.ts',
    'unusual-patches.ts',
    'balanced-subset.ts',
  ])('%s has fewer than 40 lines', (name) => {
    const lines = readFileSync(join(examples, name), 'utf8').trimEnd().split('\n')
    expect(lines.length).toBeLessThan(40)
  })

  it(
    'report-folder.ts writes items and groups',
    async () => {
      const out = join(folder, 'report')
      const rejects = join(folder, 'rejects.parquet')
      const file = join(examples, 'report-folder.ts')
      const ended = await millrace(['run', file, '--rejects', rejects, '--quiet', '--', out])
      expect(ended).toMatchObject({ code: 0, stdout: '' })
      const items = await table(join(out, 'items.parquet'))
      const rows = items.map(({ thumbnail, ...row }) => {
        expect(Buffer.from(thumbnail as Uint8Array).toString('latin1', 8, 12)).toBe('WEBP')
        return row
      })
      expectRows(rows, 'report-folder.items.jsonl')
      expectRows(await table(join(out, 'groups.parquet')), 'report-folder.groups.jsonl')
      expectRows(await table(rejects), 'report-folder.rejects.jsonl')
    },
    timeout,
  )

  it(
    'score-new-batch.ts saves models of train and scores test by them',
    async () => {
      const models = join(folder, 'models')
      const file = join(examples, 'score-new-batch.ts')
      const fitted = await millrace(['run', file, '--', 'fit', models])
      expect(fitted).toMatchObject({ code: 0, stdout: '' })
      const { code, stdout } = await millrace(['run', file, '--', 'score', models])
      expect(code).toBe(0)
      expectRows(rowsOf(stdout), 'score-new-batch.jsonl')
      const kinds = ['pca', 'gmm', 'neighbors'].map((name) => {
        const text = readFileSync(join(models, name, 'model.json'), 'utf8')
        return (JSON.parse(text) as { kind: string }).kind
      })
      expect(kinds).toEqual(['pca', 'gaussian-mixture', 'neighbor-index'])
    },
    timeout,
  )

  it(
    'online-monitor.ts scores what is there, and then what arrives',
    async () => {
      const watched = join(folder, 'watched')
      cpSync(join(examples, 'clipart'), watched, { recursive: true })
      const last = join(watched, 'train', 'vehicles', 'watch_for_bicycles_sign_01.png')
      const held = join(folder, 'held.png')
      renameSync(last, held)
      const file = join(examples, 'online-monitor.ts')
      const { code, stdout } = await millrace(['run', file, '--', watched, '299'], {
        onStdout(text) {
          if (existsSync(held) && text.split('\n').length > 298) renameSync(held, last)
        },
      })
      expect(code).toBe(0)
      expectRows(rowsOf(stdout), 'online-monitor.jsonl')
    },
    timeout,
  )

  it(
    'unusual-patches.ts scores four patches of each picture',
    async () => {
      const desserts = join(examples, 'clipart', 'test', 'desserts')
      const file = join(examples, 'unusual-patches.ts')
      const { code, stdout } = await millrace(['run', file, '--quiet', '--', desserts])
      expect(code).toBe(0)
      const rows = rowsOf(stdout)
      const pictures = readdirSync(desserts).sort()
      const places = [0, 224].flatMap((top) => [0, 224].map((left) => [left, top]))
      expect(rows.map((row) => [row['patch_of'], row['patch_left'], row['patch_top']])).toEqual(
        pictures.flatMap((picture) => places.map((place) => [picture, ...place])),
      )
      const percentiles = rows.map((row) => Number(row['familiarity_percentile']))
      expect(percentiles.filter((p) => p < 50).length).toBeGreaterThan(rows.length / 3)
      expect(percentiles.filter((p) => p > 50).length).toBeGreaterThan(rows.length / 3)
    },
    timeout,
  )

  it(
    'balanced-subset.ts makes features of a few pictures per label, once',
    async () => {
      const file = join(examples, 'balanced-subset.ts')
      const made = await millrace(['run', file, '--', join(folder, 'subset')])
      const kept = await millrace(['run', file, '--', join(folder, 'subset')])
      expect(made).toMatchObject({ code: 0 })
      expect(kept).toMatchObject({ code: 0, stdout: made.stdout })
      expect([made, kept].map(({ stderr }) => /(\d+) rows read/.exec(stderr)?.[1])).toEqual([
        '223',
        '0',
      ])
      const rows = rowsOf(made.stdout)
      expect(rows.every(({ features }) => (features as number[]).length === 4)).toBe(true)
      const perLabel = new Map<unknown, number>()
      for (const { label } of rows) perLabel.set(label, (perLabel.get(label) ?? 0) + 1)
      expect(Math.max(...perLabel.values())).toBeLessThanOrEqual(3)
      expect(perLabel.size).toBeGreaterThan(10)
    },
    timeout,
  )
})
