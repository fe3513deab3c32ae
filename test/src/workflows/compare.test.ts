import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import type { Gap } from '../../../src/models/gap.ts'
import { compare } from '../../../src/workflows/compare.ts'
import { fit } from '../../../src/workflows/fit.ts'
import { gapsText, gapText } from '../../../src/workflows/gaps.ts'
import { report } from '../../../src/workflows/report.ts'
import { score } from '../../../src/workflows/score.ts'
import { millrace } from '../../helpers/command.ts'
import { columnTypes, newFolder, rowsOf, unattended, writeBatch } from '../../helpers/workflows.ts'

const width = 6
const folder = newFolder()
const at = (name: string): string => join(folder, name)
const models = at('models')

/** Writes points of two labels, those of `b` moved by `shift` in each column. */
async function writeRows(
  name: string,
  { rows = 300, seed = 1, shift = 0, labels = true },
): Promise<void> {
  let state = seed
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  const gauss = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(6.283185 * random())
  const label = Array.from({ length: rows }, (_, row) => (row % 3 === 0 ? 'b' : 'a'))
  const values = new Float32Array(rows * width)
  for (let i = 0; i < values.length; i++) {
    const inB = label[Math.floor(i / width)] === 'b'
    values[i] = gauss() + (inB ? 5 + shift : 0)
  }
  const ids = label.map((_, row) => `${name} ${String(row)}`)
  const batch = batchOf([
    textColumn('id', ids),
    ...(labels ? [textColumn('label', label)] : []),
    tensorColumn('embedding', [width], values),
  ])
  await writeBatch(at(name), batch)
}

interface Told {
  readonly items: number
  readonly gap: Gap
  readonly labelGaps: Readonly<Record<string, Gap>>
}

async function compared(from: string, other: string): Promise<{ told: Told; text: string }> {
  const options = { fit: { path: from }, sources: [{ path: at(other) }], seed: 0 }
  const { summary, text } = await compare(options, unattended())
  return { told: summary as Told, text }
}

beforeAll(async () => {
  await writeRows('train.parquet', { seed: 11 })
  await writeRows('same.parquet', { seed: 22 })
  await writeRows('shifted.parquet', { seed: 33, shift: 2.5 })
  await writeRows('bare.parquet', { seed: 44, labels: false })
  await fit({ sources: [{ path: at('train.parquet') }], out: models, seed: 0 }, unattended())
}, 120_000)

describe('compare', () => {
  it('finds no gap between sets drawn alike, and the label that moved', async () => {
    const same = await compared(models, 'same.parquet')
    expect(same.told).toMatchObject({ items: 300, gap: { rows: 300, band: 'no gap' } })
    expect(Object.values(same.told.labelGaps).map(({ rows, band }) => [rows, band])).toEqual([
      [200, 'no gap'],
      [100, 'no gap'],
    ])
    const { told, text } = await compared(models, 'shifted.parquet')
    expect(told.labelGaps).toMatchObject({ a: { band: 'no gap' }, b: { band: 'huge gap' } })
    expect(told.gap.percentileRatio).toBeLessThan(same.told.gap.percentileRatio - 0.2)
    expect(text.split('\n')).toEqual([
      '300 items, 0 rejects',
      gapText('familiarity beside the fitted set', told.gap),
      ...['b', 'a'].map((label) => gapText(`  label ${label}`, told.labelGaps[label] as Gap)),
    ])
  })

  it('fits to a source as `fit` does, and leaves nothing behind', async () => {
    const one = await compared(at('train.parquet'), 'shifted.parquet')
    const two = await compared(models, 'shifted.parquet')
    const { gap, labelGaps } = one.told
    expect({ gap, labelGaps }).toEqual({ gap: two.told.gap, labelGaps: two.told.labelGaps })
  })

  it('does without labels on either side', async () => {
    expect((await compared(models, 'bare.parquet')).told).toMatchObject({
      ...{ gap: { band: 'no gap' }, labelGaps: {} },
    })
    expect((await compared(at('bare.parquet'), 'same.parquet')).told.labelGaps).toEqual({})
  })

  it('is a command', async () => {
    const told = await millrace(['compare', models, at('shifted.parquet'), '--json', '--quiet'])
    expect(told).toMatchObject({ code: 0, stderr: '' })
    const { gap } = (await compared(models, 'shifted.parquet')).told
    expect(JSON.parse(told.stdout)).toMatchObject({ fit: models, gap })
    const missing = await millrace(['compare', at('missing.parquet'), at('same.parquet')])
    expect([missing.code, missing.stdout]).toEqual([1, ''])
  })
})

describe('score', () => {
  it('tells the gap that compare tells, and writes familiarity by label', async () => {
    const out = at('scores.parquet')
    const options = { sources: [{ path: at('shifted.parquet') }], models, out, seed: 0 }
    const { summary, text } = await score(options, unattended())
    const { told } = await compared(models, 'shifted.parquet')
    expect(summary).toMatchObject({ gap: told.gap, labelGaps: told.labelGaps })
    expect(text).toContain(gapText('familiarity beside the fitted set', told.gap))
    expect(Object.keys(await columnTypes(out))).toContain('label_familiarity_percentile')
    const own = (await rowsOf(out)).filter(({ label }) => label === 'b')
    const low = own.filter((row) => Number(row['label_familiarity_percentile']) < 5)
    expect(low.length).toBeGreaterThan(0.8 * own.length)
  })

  it('tells the same gap when it is resumed behind its end', async () => {
    const out = at('resumed.parquet')
    const options = { sources: [{ path: at('same.parquet') }], models, out, seed: 0 }
    const checkpoint = { folder: at('checkpoint'), everyMs: 1 }
    const first = await score({ ...options, checkpoint }, unattended())
    const again = await score(
      { ...options, checkpoint: { ...checkpoint, resume: true } },
      unattended(),
    )
    const { gap, labelGaps } = first.summary as Told
    expect(again.summary).toMatchObject({ gap, labelGaps })
  })

  it('takes models that an earlier version fitted, without labels', async () => {
    const about = readFileSync(join(models, 'about.json'), 'utf8')
    expect(JSON.parse(about)).toEqual({
      ...{ model_hash: null, by_label: true, outliers: false, drift: true },
    })
    writeFileSync(join(models, 'about.json'), '{"model_hash":null}')
    const out = at('earlier.parquet')
    const options = { sources: [{ path: at('same.parquet') }], models, out, seed: 0 }
    const { summary } = await score(options, unattended())
    writeFileSync(join(models, 'about.json'), about)
    expect(summary).toMatchObject({ gap: { band: 'no gap' }, labelGaps: {} })
    expect(Object.keys(await columnTypes(out))).not.toContain('label_familiarity')
  })
})

describe('report', () => {
  it('tells the gaps between splits', async () => {
    const out = at('report')
    const sources = [
      { path: at('train.parquet'), split: 'train' },
      { path: at('same.parquet'), split: 'val' },
      { path: at('shifted.parquet'), split: 'test' },
    ]
    const { text } = await report({ sources, out, seed: 0 }, unattended())
    const { splitGaps } = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as {
      splitGaps: readonly (Gap & { fit: string; other: string })[]
    }
    const bands = splitGaps.map(({ fit: f, other, band }) => `${other} beside ${f}: ${band}`)
    expect(bands).toContain('val beside train: no gap')
    expect(bands).toContain('train beside val: no gap')
    expect(splitGaps).toHaveLength(6)
    const ratio = (other: string): number =>
      splitGaps.find((gap) => gap.fit === 'train' && gap.other === other)?.percentileRatio ?? NaN
    expect(ratio('test')).toBeLessThan(ratio('val') - 0.2)
    expect(text).toContain('\nfamiliarity of val beside train: no gap (by percentile ')
    const items = await rowsOf(join(out, 'items.parquet'))
    expect(items.every((row) => Number.isFinite(row['label_familiarity']))).toBe(true)
  })
})

describe('gapsText', () => {
  it('names the labels that are least familiar, and how many more there are', () => {
    const gap: Gap = {
      ...{ rows: 9, percentileRatio: 0.5, standardError: 0.1, band: 'huge gap' },
      ...{ logDensityRatio: null, logDensityBand: null },
    }
    const labels = Array.from({ length: 12 }, (_, i) => [
      `l${String(i)}`,
      { ...gap, percentileRatio: 1 - i / 20 },
    ])
    const lines = gapsText({ gap, labelGaps: Object.fromEntries(labels) as Record<string, Gap> })
    expect(lines[0]).toBe(
      'familiarity beside the fitted set: huge gap (by percentile 0.50 ± 0.10; log densities differ in sign)',
    )
    expect(lines[1]).toMatch(/^ {2}label l11: /)
    expect(lines).toHaveLength(12)
    expect(lines.at(-1)).toBe('  2 more labels: see --json')
    expect(gapsText({ gap: null, labelGaps: {} })).toEqual([])
  })
})
