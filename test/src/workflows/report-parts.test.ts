import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { Random } from '../../../src/kernels/random.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { compare } from '../../../src/workflows/compare.ts'
import { report } from '../../../src/workflows/report.ts'
import { type ReportParts, reportParts } from '../../../src/workflows/report-parts.ts'
import { score } from '../../../src/workflows/score.ts'
import { millrace } from '../../helpers/command.ts'
import {
  columnTypes,
  filesUnder,
  newFolder,
  rowsOf,
  unattended,
  writeBatch,
} from '../../helpers/workflows.ts'

const folder = newFolder()
const source = join(folder, 'embeddings.parquet')
const rows = 120
const columns = 4

beforeAll(async () => {
  const each = Array.from({ length: rows }, (_, row) => row)
  const random = new Random(7)
  const values = Float32Array.from({ length: rows * columns }, () => random.normal())
  // Each tenth row is like the one before.
  for (let row = 9; row < rows; row += 10)
    values.copyWithin(row * columns, (row - 1) * columns, row * columns)
  const batch = batchOf([
    textColumn('id', each.map(String)),
    textColumn(
      'label',
      each.map((row) => (row % 3 ? 'dog' : 'cat')),
    ),
    textColumn(
      'split',
      each.map((row) => (row < 60 ? 'train' : 'test')),
    ),
    tensorColumn('embedding', [columns], values),
  ])
  await writeBatch(source, batch)
})

async function made(name: string, parts: ReportParts) {
  const out = join(folder, name)
  const options = { sources: [{ path: source }], out, seed: 0, parts }
  const { summary, text } = await report(options, unattended())
  return { out, summary: summary as Record<string, unknown>, text }
}

describe('the parts of a report', () => {
  it('leaves out what is switched off, in tables, models, summary and text', async () => {
    const off: ReportParts = {
      ...{ duplicates: false, familiarity: false, neighbors: false, map: false, page: false },
      ...{ outliers: false, drift: false, labelErrors: false, clusters: false },
    }
    const { out, summary, text } = await made('least', { ...off, csv: true })
    expect(filesUnder(out).filter((name) => !name.startsWith('models/pca/'))).toEqual([
      ...['embeddings.parquet', 'items.csv', 'items.parquet'],
      ...['models/about.json', 'rejects.csv', 'rejects.parquet', 'summary.json'],
    ])
    expect(Object.keys(await columnTypes(join(out, 'items.parquet')))).toEqual([
      ...['id', 'label', 'split'],
    ])
    const lines = readFileSync(join(out, 'items.csv'), 'utf8').split('\n')
    expect(lines.slice(0, 3)).toEqual(['id,label,split', '0,cat,train', '1,dog,train'])
    expect(lines).toHaveLength(rows + 2)
    expect(summary).toMatchObject({
      items: rows,
      leftOut: ['map', 'duplicates', 'familiarity'],
      parameters: { duplicates: false, familiarity: false },
    })
    expect(summary).not.toHaveProperty('exactGroups')
    expect(text).not.toMatch(/group|familiar/)

    const models = join(out, 'models')
    const scores = join(folder, 'least-scores.parquet')
    await score({ sources: [{ path: source }], models, out: scores, seed: 0 }, unattended())
    expect(Object.keys((await rowsOf(scores))[0] ?? {})).toEqual(['id', 'label', 'split'])
    const comparing = { sources: [{ path: source }], fit: { path: models }, seed: 0 }
    await expect(compare(comparing, unattended())).rejects.toThrow(
      'Expected models that know what is familiar',
    )
  }, 60_000)

  it('hands its settings on, and tells them', async () => {
    const { out, summary } = await made('settings', {
      duplicates: { rule: { distance: 1e-6 }, linkage: 'single' },
      familiarity: { components: 3, covariance: 'full', minLabelRows: 60 },
    })
    expect(summary).toMatchObject({
      ...{ nearGroups: rows / 10, leftOut: [] },
      parameters: { duplicates: { linkage: 'single' }, familiarity: { components: 3 } },
    })
    const model = JSON.parse(readFileSync(join(out, 'models', 'gmm', 'model.json'), 'utf8')) as {
      parameters: { options: object }
    }
    expect(model.parameters.options).toMatchObject({ components: 3, covariance: 'full' })
    const items = await rowsOf(join(out, 'items.parquet'))
    const scored = items.filter((item) => item['label_familiarity'] !== null)
    // There are 40 cats, too few.
    expect(new Set(scored.map((item) => item['label']))).toEqual(new Set(['dog']))
    const page = readFileSync(join(out, 'index.html'), 'utf8')
    expect(page).toContain('Between splits')
    expect(page).toContain('&quot;linkage&quot;:&quot;single&quot;')
  }, 60_000)

  it('finds the same duplicates alone as among everything else, of few wide rows too', async () => {
    const random = new Random(5)
    const wide = Float32Array.from({ length: 12 * 64 }, () => random.normal())
    wide.copyWithin(64, 0, 64)
    const few = join(folder, 'few.parquet')
    const ids = Array.from({ length: 12 }, (_, row) => String(row))
    await writeBatch(few, batchOf([textColumn('id', ids), tensorColumn('embedding', [64], wide)]))
    async function groups(name: string, parts: ReportParts): Promise<unknown[]> {
      const out = join(folder, name)
      await report({ sources: [{ path: few }], out, seed: 0, parts }, unattended())
      return (await rowsOf(join(out, 'items.parquet'))).map((item) => item['near_group'])
    }
    const alone = await groups('alone', { familiarity: false, neighbors: false, map: false })
    expect(alone).toEqual(await groups('all', {}))
    expect(alone).toEqual([0, 0, ...Array<null>(10).fill(null)])
  }, 60_000)

  it('are read from a TypeScript file, functions too', async () => {
    const config = join(folder, 'report.ts')
    writeFileSync(
      config,
      `const settings: object = {
        seed: 3,
        csv: true,
        familiarity: false,
        duplicates: { rule: (distances: Float64Array) => (distances[12] ?? 0) + 1e-6, k: 1 },
      }
      export default settings\n`,
    )
    const out = join(folder, 'configured')
    const ended = await millrace(['report', source, '--out', out, '--config', config, '--json'])
    expect(ended).toMatchObject({ code: 0 })
    expect(JSON.parse(ended.stdout)).toMatchObject({
      parameters: { seed: 3, familiarity: false, duplicates: { rule: 'a function', k: 1 } },
    })
    expect(existsSync(join(out, 'groups.csv'))).toBe(true)
    const replayed = await millrace(['replay', join(out, 'rejects.parquet')])
    expect(replayed.stderr).toContain('to say which command made it')
  }, 60_000)

  it.each<[string, unknown]>([
    ['got `dupes`', { dupes: false }],
    ['Expected option `csv` to be true or false', { csv: 'yes' }],
    [
      'Expected `duplicates` of a report to be false or an object of options, got a boolean',
      { duplicates: true },
    ],
  ])('says: %s', (message, parts) => {
    expect(() => reportParts(parts as ReportParts)).toThrow(message)
  })
})
