import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { batchOf, float64Column, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { Random } from '../../../src/kernels/random.ts'
import { failPointVariable } from '../../../src/run/fail-point.ts'
import { fit } from '../../../src/workflows/fit.ts'
import { report } from '../../../src/workflows/report.ts'
import type { FitParts } from '../../../src/workflows/report-parts.ts'
import { score } from '../../../src/workflows/score.ts'
import type { ScoredParts } from '../../../src/workflows/score-parts.ts'
import type { SetDrift } from '../../../src/workflows/set-drift.ts'
import type { ScoreOptions } from '../../../src/workflows/workflow.ts'
import type { Row } from '../../helpers/batches.ts'
import { type Ended, millrace } from '../../helpers/command.ts'
import { filesUnder, newFolder, rowsOf, unattended, writeBatch } from '../../helpers/workflows.ts'

const folder = newFolder()
const width = 4
const [train, same, other, bare, few] = ['train', 'same', 'other', 'bare', 'few'].map((name) =>
  join(folder, `${name}.parquet`),
) as [string, string, string, string, string]
const models = join(folder, 'models')
const outlierColumns = [
  ...['outlier_metrics', 'outlier_values', 'outlier_bounds', 'outlier_reasons', 'outlier_score'],
]

/** Rows of metrics and embeddings, drawn alike but for `shift`; the last is dark. */
async function write(path: string, seed: number, shift = 0, rows = 200): Promise<void> {
  const random = new Random(seed)
  const numbers = (): Float64Array => Float64Array.from({ length: rows }, () => random.normal())
  const mean = numbers().fill(-30, rows - 1)
  const ids = Array.from({ length: rows }, (_, row) => `r${String(row)}`)
  const values = Float32Array.from({ length: rows * width }, () => random.normal())
  await writeBatch(
    path,
    batchOf([
      textColumn('id', ids),
      float64Column('mean', mean),
      float64Column(
        'contrast',
        numbers().map((value) => value + shift),
      ),
      float64Column('price', numbers()),
      tensorColumn('embedding', [width], values),
    ]),
  )
}

async function fitted(out: string, parts?: FitParts): Promise<string> {
  const options = { sources: [{ path: train }], out, seed: 0, ...(parts && { parts }) }
  await fit(options, unattended())
  return out
}

interface Scored {
  readonly rows: readonly Row[]
  readonly text: string
  readonly drift: SetDrift | undefined
}

async function scored(path: string, options: Partial<ScoreOptions> = {}): Promise<Scored> {
  const out = join(newFolder(), 'scores.parquet')
  const all = { sources: [{ path }], models, out, seed: 0, ...options }
  const { summary, text } = await score(all, unattended())
  const { drift } = summary as { drift?: SetDrift }
  return { rows: await rowsOf(all.out), text: text.replace(all.out, 'OUT'), drift }
}

const columnsOf = ([first = {}]: readonly Row[]): string[] => Object.keys(first)

beforeAll(async () => {
  await write(train, 1)
  await write(same, 2)
  await write(other, 3, 1)
  await write(few, 4, 0, 1)
  const embeddings = Float32Array.from({ length: 8 * width }, (_, i) => Math.sin(i * i))
  const ids = textColumn('id', Array.from('abcdefgh'))
  await writeBatch(bare, batchOf([ids, tensorColumn('embedding', [width], embeddings)]))
  await fitted(models)
}, 60_000)

describe('fit and report', () => {
  it('save the same bounds and reference, of the metrics alone, and note them', async () => {
    const out = join(folder, 'report')
    const parts = { duplicates: false, labelErrors: false, clusters: false, page: false } as const
    await report({ sources: [{ path: train }], out, seed: 0, parts }, unattended())
    const bytes = (at: string): string[] =>
      filesUnder(at).map((name) => `${name} ${readFileSync(join(at, name), 'base64')}`)
    for (const name of ['outliers', 'drift'])
      expect(bytes(join(out, 'models', name))).toEqual(bytes(join(models, name)))
    for (const at of [models, join(out, 'models')])
      expect(JSON.parse(readFileSync(join(at, 'about.json'), 'utf8'))).toMatchObject({
        ...{ outliers: true, drift: true },
      })
    const { parameters, rowsSeen } = JSON.parse(
      readFileSync(join(models, 'drift', 'model.json'), 'utf8'),
    ) as { parameters: Row; rowsSeen: number }
    expect(rowsSeen).toBe(200)
    expect(parameters).toMatchObject({ numbers: ['mean', 'contrast'], categories: [] })
  }, 60_000)

  it('leave out what is switched off, and bounds where there are no metrics', async () => {
    const none = await fitted(join(folder, 'none'), { outliers: false, drift: false })
    expect(filesUnder(none).filter((name) => /^(outliers|drift)/.test(name))).toEqual([])
    const out = join(folder, 'bare-models')
    await fit({ sources: [{ path: bare }], out, seed: 0 }, unattended())
    expect(filesUnder(out)).not.toContain('outliers/model.json')
    const { rows, text, drift } = await scored(bare, { models: out })
    expect(columnsOf(rows)).not.toContain('outlier_metrics')
    expect(drift?.tests.map(({ test }) => test)).toEqual(['mmd', 'knn'])
    expect(text).toContain('\ndrift from the fitted set: none in 1 column (least p ')
  }, 60_000)

  it('take settings of both', async () => {
    const out = await fitted(join(folder, 'set'), {
      outliers: { columns: ['price'], thresholds: { price: { upper: 2 } } },
      drift: { columns: ['price'], rows: 50 },
    })
    const { rows, drift } = await scored(same, { models: out })
    const flagged = rows.filter((row) => [...(row['outlier_metrics'] as string[])].length > 0)
    expect(flagged.length).toBeGreaterThan(0)
    expect(drift?.tests.map(({ column }) => column)).toEqual(['price', 'embedding', 'embedding'])
    const wrong = { drift: { save: 'elsewhere' } } as unknown as FitParts
    await expect(fitted(out, wrong)).rejects.toThrow('got `save`')
  }, 60_000)
})

describe('score', () => {
  it('tells which rows are out of the bounds of the fitted set, and why', async () => {
    const { rows } = await scored(same)
    expect(columnsOf(rows).slice(-5)).toEqual(outlierColumns)
    const last = rows.at(-1)
    expect([...(last?.['outlier_metrics'] as string[])]).toEqual(['mean'])
    // The fitted set has one as dark.
    expect([...(last?.['outlier_reasons'] as string[])]).toEqual(['darker than 99.5 % of the set'])
  })

  it('tells whether the set drifts, test by test', async () => {
    const alike = await scored(same)
    expect(alike.drift).toMatchObject({ drifted: false })
    expect(alike.text).toMatch(/\ndrift from the fitted set: none in 3 columns \(least p 0\.\d+\)$/)
    const { text, drift } = await scored(other)
    expect(drift?.drifted).toBe(true)
    expect(drift?.tests.map(({ column, test }) => `${column} ${test}`)).toEqual([
      ...['mean ks', 'contrast ks', 'embedding mmd', 'embedding knn'],
    ])
    const found = drift?.tests.filter(({ drifted }) => drifted) ?? []
    expect(found).toMatchObject([{ column: 'contrast', test: 'ks', values: 200 }])
    expect(Number(found[0]?.adjusted_p)).toBeLessThan(1e-6)
    expect(text).toMatch(
      /\ndrift from the fitted set: in 1 of 3 columns\n {2}contrast: ks 0\.\d+, p [\d.]+e-\d+$/,
    )
  })

  it('takes settings of the tests', async () => {
    const parts: ScoredParts = { drift: { tests: ['psi'], correction: 'none', alpha: 1e-300 } }
    const { drift } = await scored(other, { parts })
    expect(drift?.tests.map(({ test }) => test)).toEqual(['psi', 'psi'])
    expect(drift?.drifted).toBe(false)
  })

  it('leaves either out', async () => {
    const { rows, drift } = await scored(same, { parts: { outliers: false } })
    expect(columnsOf(rows)).not.toContain('outlier_metrics')
    expect(drift).toBeDefined()
    const undrifted = await scored(same, { parts: { drift: false } })
    expect(columnsOf(undrifted.rows)).toContain('outlier_metrics')
    expect(undrifted.drift).toBeUndefined()
    expect(undrifted.text).not.toContain('drift')
  })

  it('says nothing of either with models of before', async () => {
    const old = join(folder, 'old')
    cpSync(models, old, { recursive: true })
    for (const name of ['outliers', 'drift']) rmSync(join(old, name), { recursive: true })
    writeFileSync(join(old, 'about.json'), '{"model_hash":null,"by_label":false}')
    const { rows, text, drift } = await scored(other, { models: old })
    expect(columnsOf(rows).at(-1)).toBe('near_distance')
    expect(drift).toBeUndefined()
    expect(text).not.toContain('drift')
  })

  it('holds rows against what they have: without metrics the embeddings alone', async () => {
    const { rows, drift } = await scored(bare)
    expect(columnsOf(rows).at(-1)).toBe('near_distance')
    expect(drift?.tests.map(({ test }) => test)).toEqual(['mmd', 'knn'])
  })

  it('makes the tests that one row allows', async () => {
    const { drift } = await scored(few)
    expect(drift?.tests.find(({ test }) => test === 'mmd')).toMatchObject({ drifted: null })
    const parts: ScoredParts = { drift: { tests: ['mmd'] } }
    const { text, drift: none } = await scored(few, { parts })
    expect(none?.drifted).toBeNull()
    expect(text).toContain('\ndrift from the fitted set: too few items to tell')
  })

  it('comes out the same when it is killed between two checkpoints and resumed, and when it is done', async () => {
    const at = newFolder()
    const [out, whole] = ['scores.parquet', 'whole.parquet'].map((name) => join(at, name)) as [
      string,
      string,
    ]
    const sources = [same, other, few].map((path, i) => `s${String(i)}=${path}`)
    const config = join(at, 'config.json')
    writeFileSync(config, '{"drift":{"tests":["ks","knn"]}}')
    const checkpoint = ['--checkpoint', join(at, 'checkpoint'), '--every', '1ms']
    const command = (to: string, more: readonly string[] = [], env = {}) =>
      millrace(
        [
          'score',
          ...sources,
          '--models',
          models,
          '--out',
          to,
          '--json',
          '--config',
          config,
          ...more,
        ],
        {
          env,
        },
      )
    const told = ({ code, stdout }: Ended): unknown => {
      expect(code).toBe(0)
      return (JSON.parse(stdout) as { drift: SetDrift }).drift
    }
    const expected = told(await command(whole))
    expect(expected).toMatchObject({ drifted: true })
    const killed = await command(out, checkpoint, {
      [failPointVariable]: 'sink: after write:4',
    })
    expect(killed.stderr).toContain('killed at')
    for (let again = 0; again < 2; again++) {
      expect(told(await command(out, [...checkpoint, '--resume']))).toEqual(expected)
      expect(readFileSync(out).equals(readFileSync(whole))).toBe(true)
    }
  }, 180_000)

  it.each<[string, unknown]>([
    ['Expected option `outliers` to be true or false', { outliers: {} }],
    [
      'Expected `drift` of score to be false or an object of options, got a boolean',
      { drift: true },
    ],
    ['got `windowRows`', { drift: { windowRows: 5 } }],
    ['got `clusters`', { clusters: false }],
  ])('says: %s', async (message, parts) => {
    await expect(scored(same, { parts: parts as ScoredParts })).rejects.toThrow(message)
  })
})
