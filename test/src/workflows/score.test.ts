import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { fit } from '../../../src/workflows/fit.ts'
import { report } from '../../../src/workflows/report.ts'
import { score } from '../../../src/workflows/score.ts'
import type { Row } from '../../helpers/batches.ts'
import { type Ended, millrace } from '../../helpers/command.ts'
import { filesUnder, newFolder, rowsOf, unattended, writeBatch } from '../../helpers/workflows.ts'

const rows = 400
const width = 8
const folder = newFolder()
const train = join(folder, 'train.parquet')
const test = join(folder, 'test.parquet')
const models = join(folder, 'models')

/** Points around the origin, always the same ones. */
const points = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i * i + i))

async function writeRows(
  path: string,
  ids: readonly string[],
  values: Float32Array,
): Promise<void> {
  const batch = batchOf([textColumn('id', ids), tensorColumn('embedding', [width], values)])
  await writeBatch(path, batch)
}

async function scored(models: string, path: string, out: string): Promise<Row[]> {
  const options = { sources: [{ path }], models, out: join(folder, out), seed: 0 }
  await score(options, unattended())
  return rowsOf(options.out)
}

beforeAll(async () => {
  const ids = Array.from({ length: rows }, (_, row) => `train ${String(row)}`)
  await writeRows(train, ids, points)
  const near = points.slice(7 * width, 8 * width)
  const far = Float32Array.from(near, (_, i) => (i === 3 ? -40 : 40))
  await writeRows(test, ['copy', 'far'], Float32Array.from([...near, ...far]))
  await fit({ sources: [{ path: train }], out: models, seed: 0 }, unattended())
}, 120_000)

describe('fit and score', () => {
  it('write CSV and JSON lines by the name of the file', async () => {
    const sources = [{ path: test }]
    for (const [name, first] of [
      ['scores.csv', /^id,familiarity,.*\ncopy,/],
      ['scores.jsonl', /^\{"id":"copy","familiarity":/],
    ] as const) {
      const out = join(folder, name)
      await score({ sources, models, out, seed: 0 }, unattended())
      expect(readFileSync(out, 'utf8')).toMatch(first)
    }
  })

  it('score new rows against what was fitted', async () => {
    const [copy, far, ...more] = await scored(models, test, 'scores.parquet')
    expect(more).toEqual([])
    expect(Object.keys(copy ?? {})).toEqual([
      ...['id', 'familiarity', 'familiarity_percentile', 'near_id', 'near_distance'],
    ])
    expect(copy).toMatchObject({ id: 'copy', near_id: 'train 7' })
    expect(copy?.['near_distance']).toBeCloseTo(0, 6)
    expect(Number(copy?.['familiarity_percentile'])).toBeGreaterThan(0)
    expect(far).toMatchObject({ id: 'far', familiarity_percentile: 0 })
    expect(Number(far?.['familiarity'])).toBeLessThan(Number(copy?.['familiarity']) - 100)
  })

  it('score the fitted rows as report did, with the models of either', async () => {
    const out = join(folder, 'report')
    await report({ sources: [{ path: train }], out, seed: 0 }, unattended())
    const items = await rowsOf(join(out, 'items.parquet'))
    const told = items.map(({ id, familiarity, familiarity_percentile }) => [
      ...[id, familiarity, familiarity_percentile],
    ])
    for (const [name, from] of Object.entries({ fit: models, report: join(out, 'models') })) {
      const again = await scored(from, train, `${name}.parquet`)
      expect(
        again.map(({ id, familiarity, familiarity_percentile }) => [
          ...[id, familiarity, familiarity_percentile],
        ]),
      ).toEqual(told)
    }
  })

  it('write the same bytes each time', async () => {
    const second = join(folder, 'models-2')
    await fit({ sources: [{ path: train }], out: second, seed: 0 }, unattended())
    const bytes = (at: string): string[] =>
      filesUnder(at).map((name) => `${name} ${readFileSync(join(at, name), 'base64')}`)
    expect(bytes(second)).toEqual(bytes(models))
    await scored(second, test, 'again.parquet')
    await scored(models, test, 'once.parquet')
    const [a, b] = ['again', 'once'].map((n) => readFileSync(join(folder, `${n}.parquet`), 'hex'))
    expect(a).toBe(b)
  })

  it('write JSON lines to stdout', async () => {
    const ended = await millrace(['score', test, '--models', models, '--out', '-', '--quiet'])
    const lines = ended.stdout.trim().split('\n')
    expect(ended.code).toBe(0)
    expect(lines.slice(0, 2).map((line) => JSON.parse(line) as Row)).toMatchObject([
      { id: 'copy', near_id: 'train 7' },
      { id: 'far', familiarity_percentile: 0 },
    ])
  })
})

describe('millrace score', () => {
  const missing = 'to be a folder of models that fit or report wrote, got no about.json in it'

  /** A copy of the models in which `change` was made; returns what scoring with it ends with. */
  async function withModels(change: (models: string) => void): Promise<Ended> {
    const copy = join(newFolder(), 'models')
    cpSync(models, copy, { recursive: true })
    change(copy)
    const out = join(newFolder(), 'scores.parquet')
    const ended = await millrace(['score', test, '--models', copy, '--out', out, '--quiet'])
    expect(filesUnder(join(out, '..'))).toEqual([])
    return { ...ended, stderr: ended.stderr.replaceAll(copy, 'MODELS') }
  }

  it.each([
    [
      'is not there',
      1,
      `error: Expected \`MODELS\` ${missing}`,
      (m: string) => {
        rmSync(m, { recursive: true })
      },
    ],
    [
      'is for pictures',
      2,
      'error: Expected embeddings of the model that `MODELS` was fitted to, got those of another; give the same --model',
      (m: string) => {
        writeFileSync(join(m, 'about.json'), '{"model_hash":"another"}')
      },
    ],
    [
      'has an about.json that is cut',
      1,
      'error: Expected MODELS/about.json to be JSON',
      (m: string) => {
        writeFileSync(join(m, 'about.json'), '{"mod')
      },
    ],
    [
      'has a flipped bit in an array',
      1,
      'error: Expected `vectors.arrow` as it was saved, got another checksum\n  in MODELS/pca',
      (m: string) => {
        flip(join(m, 'pca/vectors.arrow'))
      },
    ],
    [
      'has a flipped bit in its index',
      1,
      'error: Expected `rows.arrow` as it was saved, got another checksum\n  in MODELS/neighbors',
      (m: string) => {
        flip(join(m, 'neighbors/rows.arrow'))
      },
    ],
    [
      'lacks a model',
      1,
      'error: Expected a model folder with `model.json`\n  in MODELS/gmm',
      (m: string) => {
        rmSync(join(m, 'gmm'), { recursive: true })
      },
    ],
    [
      'has a manifest that is cut',
      1,
      'error: Expected JSON in `model.json`\n  in MODELS/gmm',
      (m: string) => {
        writeFileSync(join(m, 'gmm/model.json'), '{')
      },
    ],
  ])('refuses a folder that %s', async (_name, code, message, change) => {
    const ended = await withModels(change)
    expect([ended.code, ended.stdout]).toEqual([code, ''])
    expect(ended.stderr.replace(/\n {2}because: .*\n$/, '\n')).toBe(`${message}\n`)
    expect(ended.stderr).not.toMatch(/^ +at /m)
  })

  it('refuses embeddings of another width', async () => {
    const path = join(folder, 'wide.parquet')
    const batch = batchOf([
      textColumn('id', ['a']),
      tensorColumn('embedding', [2], Float32Array.of(1, 2)),
    ])
    await writeBatch(path, batch)
    const out = join(folder, 'wide-scores.parquet')
    const ended = await millrace(['score', path, '--models', models, '--out', out, '--quiet'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^error: Expected .*8.*, got .*2/)
  })
})

function flip(path: string): void {
  const bytes = readFileSync(path)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  writeFileSync(path, bytes)
}
