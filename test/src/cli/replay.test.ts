import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { toParquet } from '../../../connectors/to-parquet.ts'
import { letters, refuse } from '../../helpers/flows.ts'
import { type Ended, folderOf, millrace } from '../../helpers/command.ts'
import { noise } from '../../helpers/pictures.ts'
import { clipart, rowsOf } from '../../helpers/workflows.ts'
import { run } from '../../../src/run/run.ts'

const pipeline = (sink: string, before = '') => `
import { fromFiles } from 'millrace/connectors/from-files'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { toParquet } from 'millrace/connectors/to-parquet'
import { decode } from 'millrace/operators/decode'
import { pca } from 'millrace/operators/pca'
import { perceptualHash } from 'millrace/operators/perceptual-hash'
import { resize } from 'millrace/operators/resize'
import { infer } from 'millrace/operators/infer'

export default fromFiles('photos', { onError: 'reject', batchRows: 2 })
  .pipe(decode({ onError: 'reject' }), perceptualHash(), ${before} ${sink})
`

function newFolder(): string {
  folder = folderOf({
    'out.ts': pipeline(`toParquet('out.parquet', { columns: ['id', 'width', 'phash'] })`),
    'lines.ts': pipeline(`toJsonl('out.jsonl', { columns: ['id', 'width'] })`),
  })
  mkdirSync(at('photos'))
  return folder
}

let folder: string
beforeEach(() => {
  newFolder()
})

const at = (name: string): string => join(folder, name)
const call = (...args: string[]): Promise<Ended> => millrace(args, { cwd: folder })
const visible = (): string[] => readdirSync(folder).sort()

async function picture(name: string, seed: number): Promise<void> {
  writeFileSync(
    at(`photos/${name}`),
    await noise(16 + seed, 16, seed)
      .png()
      .toBuffer(),
  )
}

/** Four pictures, of which `b.png` and `d.png` are broken. */
async function pictures(): Promise<void> {
  await picture('a.png', 1)
  await picture('c.png', 3)
  for (const name of ['b.png', 'd.png']) writeFileSync(at(`photos/${name}`), 'no picture')
}

/** Mends `b.png` and removes `d.png`. */
async function mend(): Promise<void> {
  await picture('b.png', 2)
  rmSync(at('photos/d.png'))
}

const missing = {
  id: 'd.png',
  operator: 'replay',
  code: 'MISSING',
  message: 'Expected the row in the sources again, got none with its id',
}

/** A folder in which `lines.ts` has been run. */
let rejected: string
beforeAll(async () => {
  rejected = newFolder()
  await pictures()
  expect(await call('run', 'lines.ts', '--rejects', 'rejects.parquet')).toMatchObject({ code: 0 })
}, 60_000)

describe('millrace replay', () => {
  it('adds the rows that have become good, once, and keeps the others as rejects', async () => {
    await pictures()
    expect(await call('run', 'out.ts', '--rejects', 'rejects.parquet')).toMatchObject({ code: 0 })
    const before = await rowsOf(at('out.parquet'))
    expect(before.map(({ id }) => id)).toEqual(['a.png', 'c.png'])
    await mend()
    const replayed = await call('replay', 'rejects.parquet')
    expect(replayed.stdout).toBe('2 rejects: 1 now good, 1 still rejected (1 missing)\n')
    expect(replayed.stderr).toContain('replaying 2 rejects of: millrace run out.ts')
    expect(replayed.code).toBe(0)
    const after = await rowsOf(at('out.parquet'))
    expect(after.map(({ id, width }) => [id, width])).toEqual([
      ...[
        ['a.png', 17],
        ['c.png', 19],
        ['b.png', 18],
      ],
    ])
    expect(after.slice(0, 2)).toEqual(before)
    expect(await rowsOf(at('rejects.parquet'))).toEqual([{ ...missing, attempt: 2 }])
    const twice = await call('replay', 'rejects.parquet', '--json')
    expect(JSON.parse(twice.stdout)).toEqual({ replayed: 1, good: 0, rejected: 1, missing: 1 })
    expect(await rowsOf(at('out.parquet'))).toEqual(after)
    expect(await rowsOf(at('rejects.parquet'))).toEqual([{ ...missing, attempt: 3 }])
    await picture('d.png', 4)
    expect((await call('replay', 'rejects.parquet')).stdout).toBe(
      '1 reject: 1 now good, 0 still rejected\n',
    )
    expect((await rowsOf(at('out.parquet'))).map(({ id }) => id)).toEqual([
      ...['a.png', 'c.png', 'b.png', 'd.png'],
    ])
    const nothing = await call('replay', 'rejects.parquet')
    expect(nothing).toMatchObject({ code: 0, stdout: '' })
    expect(nothing.stderr).toBe('rejects.parquet: no rejects, nothing to do\n')
    expect(visible()).toEqual(['lines.ts', 'out.parquet', 'out.ts', 'photos', 'rejects.parquet'])
  }, 120_000)

  it('adds lines to a file of JSON lines', async () => {
    await pictures()
    await call('run', 'lines.ts', '--rejects', 'rejects.parquet')
    const before = readFileSync(at('out.jsonl'), 'utf8')
    await mend()
    expect((await call('replay', 'rejects.parquet')).code).toBe(0)
    expect(readFileSync(at('out.jsonl'), 'utf8')).toBe(`${before}{"id":"b.png","width":18}\n`)
  }, 60_000)

  it.each([
    'publish: before the first:1',
    'file: after rename:1',
    'file: after rename:2',
    'publish: after the last:1',
  ])(
    'killed at %s is completed by the next',
    async (failPoint) => {
      cpSync(rejected, folder, { recursive: true })
      await mend()
      const env = { MILLRACE_FAIL_POINT: failPoint }
      const killed = await millrace(['replay', 'rejects.parquet'], { cwd: folder, env })
      expect(killed.code).toBe('SIGKILL')
      const again = await call('replay', 'rejects.parquet')
      expect(again.stderr).toContain('resumed from checkpoint 1')
      expect(again.stdout).toBe('2 rejects: 1 now good, 1 still rejected (1 missing)\n')
      const lines = readFileSync(at('out.jsonl'), 'utf8').trim().split('\n')
      expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual([
        ...['a.png', 'c.png', 'b.png'],
      ])
      expect(await rowsOf(at('rejects.parquet'))).toEqual([{ ...missing, attempt: 2 }])
      expect(visible()).toEqual(['lines.ts', 'out.jsonl', 'out.ts', 'photos', 'rejects.parquet'])
    },
    60_000,
  )

  it('scores what has become good, with the options that it was scored with', async () => {
    // One of them is broken from the start.
    const pictures = readdirSync(join(clipart, 'train'), { recursive: true, encoding: 'utf8' })
    const some = pictures.filter((name) => /\.(png|jpe?g|webp)$/.test(name)).slice(0, 40)
    for (const [i, name] of some.entries())
      writeFileSync(
        at(`photos/${String(i).padStart(2, '0')}${name.slice(name.lastIndexOf('.'))}`),
        readFileSync(join(clipart, 'train', name)),
      )
    expect(await call('fit', 'photos', '--out', 'models')).toMatchObject({ code: 0 })
    const [first = ''] = readdirSync(at('photos')).sort()
    const whole = readFileSync(at(`photos/${first}`))
    rmSync(at(`photos/${first}`))
    symlinkSync(at('elsewhere'), at(`photos/${first}`))
    writeFileSync(at(`photos/${first}`), 'no picture')
    writeFileSync(at('parts.json'), '{"outliers":false}')
    const score = ['score', 'photos', '--models', 'models', '--out', 'scores.parquet']
    const options = ['--links', 'all', '--memory', '512MB', '--rejects', 'rejects.parquet']
    options.push('--config', 'parts.json')
    expect(await call(...score, ...options)).toMatchObject({ code: 0 })
    expect(await rowsOf(at('scores.parquet'))).toHaveLength(38)
    writeFileSync(at(`photos/${first}`), whole)
    const replayed = await call('replay', 'rejects.parquet')
    expect(replayed.stdout).toBe('2 rejects: 1 now good, 1 still rejected\n')
    expect(replayed.stderr).toMatch(/millrace score photos .*--links all --memory 512000000/)
    expect(replayed.stderr).toContain('--config {"outliers":false}')
    const rows = await rowsOf(at('scores.parquet'))
    expect(rows).toHaveLength(39)
    expect(rows.at(-1)).toMatchObject({ id: first })
    expect(rows.at(-1)).not.toHaveProperty('outlier_metrics')
    expect(Number(rows.at(-1)?.['near_distance'])).toBeCloseTo(0, 5)
  }, 180_000)

  it('refuses a pipeline that learns from all rows, one elsewhere, and a file of something else', async () => {
    await pictures()
    const learning = pipeline(
      `toParquet('out.parquet')`,
      'resize({ width: 224, height: 224 }), infer(), pca({ components: 1 }),',
    )
    writeFileSync(at('learn.ts'), learning)
    await call('run', 'learn.ts', '--rejects', 'rejects.parquet')
    const refused = await call('replay', 'rejects.parquet')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain(
      'Expected parts that treat each row by itself, got pca, which learns from all of them: run the command again in place of a replay',
    )
    await call('run', at('lines.ts'), '--rejects', 'rejects.parquet')
    const elsewhere = await call('replay', 'rejects.parquet')
    expect(elsewhere.code).toBe(2)
    expect(elsewhere.stderr).toContain(`Expected rejects of a pipeline in this folder`)
    const named = await call('replay', 'rejects.parquet', '--pipeline', 'lines.ts')
    expect(named).toMatchObject({ code: 0 })
    await run(letters('a', 4).pipe(refuse('3'), toParquet(at('x.parquet'))), {
      rejects: toParquet(at('other.parquet')),
    })
    const other = await call('replay', 'other.parquet')
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('Expected other.parquet to say which command made it')
    expect(existsSync(at('.other.parquet.replay'))).toBe(false)
  }, 180_000)
})
