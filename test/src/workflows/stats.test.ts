import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { stats } from '../../../src/workflows/stats.ts'
import { millrace } from '../../helpers/command.ts'
import {
  expectNumbers,
  fixtures,
  type Numbers,
  numbers,
} from '../../helpers/image-stats-numbers.ts'
import { noise, plain } from '../../helpers/pictures.ts'
import { newFolder, rowsOf, unattended } from '../../helpers/workflows.ts'

const folder = newFolder()
const pictures = join(folder, 'pictures')
const sources = [{ path: pictures }]

interface Summary {
  readonly items: number
  readonly rejects: number
  readonly metrics: readonly Readonly<Record<string, unknown>>[]
  readonly labels: readonly Readonly<Record<string, unknown>>[]
}

beforeAll(async () => {
  for (const label of ['a', 'b']) mkdirSync(join(pictures, label), { recursive: true })
  for (let i = 0; i < 20; i++)
    await noise(30 + (i % 5), 30, i + 1)
      .png()
      .toFile(join(pictures, i < 12 ? 'a' : 'b', `${String(i)}.png`))
  await plain(32, 30, [0, 0, 0])
    .png()
    .toFile(join(pictures, 'b', 'black.png'))
  writeFileSync(join(pictures, 'a', 'bad.png'), 'no picture')
})

describe('stats', () => {
  it('tells how each metric is spread, and what is flagged by metric and label', async () => {
    const { summary, text } = await stats({ sources, seed: 0 }, unattended())
    const { items, rejects, metrics, labels } = summary as Summary
    expect([items, rejects]).toEqual([21, 1])
    const width = metrics.find(({ column }) => column === 'width')
    expect(width).toMatchObject({ count: 21, missing: 0, min: 30, median: 32, max: 34 })
    const mean = metrics.find(({ column }) => column === 'mean')
    expect(mean).toMatchObject({ min: 0 })
    expect(mean?.['median']).toBeCloseTo(0.5, 1)
    expect(labels).toMatchObject([
      { label: 'a', images: 12, flagged: 0 },
      { label: 'b', images: 9, flagged: 1 },
    ])
    expect(labels[1]?.['flagged_metrics']).toContain('mean')
    expect(text).toMatch(/^21 items, 1 reject\n/)
    expect(text).toMatch(/\nmean +0\.\d+ .* 1\n/)
    expect(text).toMatch(/\n1 picture flagged\n/)
    expect(text).toMatch(/\nb +9 +1  /)
  })

  it('writes a row per picture, and tells the channels apart, if asked to', async () => {
    const out = join(folder, 'stats.parquet')
    const { summary } = await stats({ sources, seed: 0, out, channels: true }, unattended())
    const names = (summary as Summary).metrics.map(({ column }) => column)
    expect(names).toEqual(
      expect.arrayContaining(['mean', 'channel_mean[0]', 'channel_mean[1]', 'channel_mean[2]']),
    )
    const rows = await rowsOf(out)
    expect(rows).toHaveLength(21)
    const black = rows.find(({ id }) => id === 'b/black.png')
    expect(black).toMatchObject({ mean: 0, zeros: 1, entropy: 0 })
    expect([...(black?.['outlier_reasons'] as Iterable<string>)].join()).toContain(
      'than all others',
    )
  })

  it('writes the pictures that it cannot read, and why', async () => {
    const rejects = join(folder, 'rejects.parquet')
    const { code, stderr } = await millrace(['stats', pictures, '--rejects', rejects])
    expect(code, stderr).toBe(0)
    expect(await rowsOf(rejects)).toMatchObject([
      { id: 'a/bad.png', operator: 'decode', code: 'FORMAT', attempt: 1 },
    ])
  })

  it('measures pictures of 16 bits and of floats as they are stored', async () => {
    const deep = join(folder, 'deep')
    mkdirSync(deep)
    for (const name of ['gray16.png', 'float.tif'])
      copyFileSync(join(fixtures, name), join(deep, name))
    const out = join(folder, 'deep.parquet')
    await stats({ sources: [{ path: deep }], seed: 0, out }, unattended())
    const rows = await rowsOf(out)
    expect(rows.map(({ id }) => id)).toEqual(['float.tif', 'gray16.png'])
    for (const row of rows) {
      const { mean, skew, entropy } = numbers.files[String(row['id'])]?.picture ?? {}
      expectNumbers(row, { mean, skew, entropy } as Numbers)
    }
  })

  it.each([
    [{ outliers: false }, 'Expected `outliers` to be an object of options, got a boolean'],
    [{ outliers: { mode: 'online' } }, 'got `mode`'],
    [{ outliers: { method: 'mad' } }, "to be one of 'adaptive'"],
  ])('refuses bounds that are none: %o', async (settings, message) => {
    await expect(stats({ sources, seed: 0, ...settings } as never, unattended())).rejects.toThrow(
      message,
    )
  })

  it('takes bounds from a config, and prints JSON', async () => {
    const config = join(folder, 'config.json')
    writeFileSync(config, JSON.stringify({ outliers: { columns: ['width'], threshold: 1e9 } }))
    const { code, stdout } = await millrace(['stats', pictures, '--config', config, '--json'])
    expect(code).toBe(0)
    const { labels } = JSON.parse(stdout) as Summary
    expect(labels.map(({ flagged }) => flagged)).toEqual([0, 0])
  })
})
