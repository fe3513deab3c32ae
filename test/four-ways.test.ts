import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import type { Observable } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import onlineMonitor from '../examples/online-monitor.ts'
import reportFolder from '../examples/report-folder.ts'
import scoreNewBatch from '../examples/score-new-batch.ts'
import { rebatch } from '../operators/rebatch.ts'
import type { FailPoint } from '../src/run/fail-point.ts'
import type { Job } from '../src/run/plan.ts'
import { millrace } from './helpers/command.ts'
import { filesIn, inFolder, inParts, type Outcome, straight } from './helpers/conformance.ts'

/** How the examples read: what their files leave to the defaults, and what goes in front of their `decode`. */
interface Reading {
  readonly batchRows?: number
  readonly before?: (source: Observable<RecordBatch>) => Observable<RecordBatch>
}
const reading = vi.hoisted((): { now: Reading } => ({ now: {} }))

vi.mock('../connectors/from-files.ts', async (original) => {
  const { fromFiles } = await original<typeof import('../connectors/from-files.ts')>()
  return {
    fromFiles: (...[location, options]: Parameters<typeof fromFiles>) => {
      const { batchRows } = reading.now
      return fromFiles(location, { ...(batchRows && { batchRows }), ...options })
    },
  }
})

vi.mock('../operators/decode.ts', async (original) => {
  const { decode } = await original<typeof import('../operators/decode.ts')>()
  return {
    decode: (options: Parameters<typeof decode>[0]) => {
      const { before = (source: Observable<RecordBatch>) => source } = reading.now
      return (source: Observable<RecordBatch>) => before(source).pipe(decode(options))
    },
  }
})

const timeout = 120_000
const examples = join(import.meta.dirname, '..', 'examples')
const clipart = join(examples, 'clipart')

/** An example as it is run here. */
interface Case {
  readonly name: string
  readonly file: string
  readonly make: (args: string[]) => Job | Promise<Job>
  readonly args: (out: string) => string[]
  /** Where the process is killed, and when: the first time that it comes by, the second, … */
  readonly killed: { readonly at: FailPoint; readonly time: number }
  readonly rejected: number
  /**
   * Batches of two pictures from one checkpoint to the next, when it is run in parts.
   *
   * @default 6
   */
  readonly every?: number
}

let folder: string
const models = (): string => join(folder, 'models')
const pictures = (): string => join(folder, 'pictures')
const stdout = '-'

const cases: readonly Case[] = [
  {
    name: 'report-folder.ts',
    file: 'report-folder.ts',
    make: reportFolder,
    args: (out) => [out, pictures()],
    killed: { at: 'table: after a pass', time: 2 },
    rejected: 1,
  },
  {
    name: 'score-new-batch.ts, fit',
    file: 'score-new-batch.ts',
    make: scoreNewBatch,
    args: (out) => ['fit', join(out, 'models'), stdout, pictures()],
    killed: { at: 'model: saving', time: 1 },
    rejected: 1,
  },
  {
    name: 'score-new-batch.ts, score',
    file: 'score-new-batch.ts',
    make: scoreNewBatch,
    args: (out) => ['score', models(), join(out, 'scores.jsonl'), pictures()],
    killed: { at: 'publish: before the first', time: 1 },
    every: 1,
    rejected: 0,
  },
  {
    name: 'online-monitor.ts',
    file: 'online-monitor.ts',
    make: onlineMonitor,
    args: (out) => [clipart, '150', join(out, 'alerts.jsonl')],
    killed: { at: 'sink: after write', time: 10 },
    rejected: 1,
  },
]

/** Pictures of which the train split has one that is damaged, and enough for 32 principal components. */
async function copySome(to: string): Promise<void> {
  for (const [from, most] of [
    ['train/birds', 24],
    ['train/fruit', 14],
    ['test/birds', 4],
    ['test/fruit', 4],
  ] as const) {
    const names = (await readdir(join(clipart, from))).filter((name) => name !== 'bad_text.jpg')
    for (const name of names.sort().slice(0, most)) {
      await mkdir(join(to, from), { recursive: true })
      await cp(join(clipart, from, name), join(to, from, name))
    }
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'four-ways-'))
  await copySome(pictures())
  const file = join(examples, 'score-new-batch.ts')
  const fitted = await millrace(['run', file, '--', 'fit', models(), stdout, pictures()])
  expect(fitted).toMatchObject({ code: 0 })
})
afterAll(() => rm(folder, { recursive: true }))

/** The example as the harness takes it, read in that way. */
function subjectOf(
  { make, args, every = 6 }: Case,
  way: (paced: NonNullable<Reading['before']>) => Reading,
) {
  return {
    job: (out: string, paced: NonNullable<Reading['before']>) => {
      reading.now = way(paced)
      return make(args(out))
    },
    every,
  }
}

/** What a run is to leave, whichever way it went. Rows read are not compared: a `limit` leaves it open how far its source reads ahead. */
function left({ files, rejected, receipts }: Outcome) {
  return { files, rejected, receipts }
}

describe.each(cases)('$name', (example) => {
  let whole: Outcome
  beforeAll(async () => {
    whole = await straight(subjectOf(example, () => ({})))
  })

  it('gives rows, and rejects the damaged picture', () => {
    expect(Object.keys(whole.files).length).toBeGreaterThan(1)
    expect(whole.rejected).toBe(example.rejected)
  })

  it(
    'gives the same in three parts',
    async () => {
      const subject = subjectOf(example, (paced) => ({ batchRows: 2, before: paced }))
      const { outcome, parts } = await inParts({ ...subject, cuts: 2 }, 'at each checkpoint')
      expect(left(outcome)).toEqual(left(whole))
      expect(parts).toBe(3)
    },
    timeout,
  )

  it(
    'gives the same in other batches, on another number of threads',
    async () => {
      const way = {
        batchRows: 5,
        before: (source: Observable<RecordBatch>) => source.pipe(rebatch({ rows: 3 })),
      }
      const outcome = await straight(
        subjectOf(example, () => way),
        { threads: 1 },
      )
      expect(left(outcome)).toEqual(left(whole))
    },
    timeout,
  )

  it(
    'gives the same when its process is killed in between, and another goes on',
    () =>
      inFolder(async (temporary) => {
        const out = join(temporary, 'out')
        await mkdir(out)
        const { at, time } = example.killed
        const run = (env: Record<string, string>, ...flags: string[]) =>
          millrace(
            [
              ...['run', join(examples, example.file), '--rejects', join(out, 'rejects.parquet')],
              ...['--checkpoint', join(temporary, 'checkpoint'), '--every', '50ms', ...flags],
              ...['--', ...example.args(out)],
            ],
            { env },
          )
        const killed = await run({ MILLRACE_FAIL_POINT: `${at}:${String(time)}` })
        expect(killed).toMatchObject({ code: 'SIGKILL' })
        expect(killed.stderr).toContain(`killed at ${at}`)
        const resumed = await run({}, '--resume')
        expect(resumed).toMatchObject({ code: 0, stdout: '' })
        expect(resumed.stderr).toContain('resumed from checkpoint')
        const { 'rejects.parquet': rejects, ...files } = await filesIn(out)
        const { 'rejects.jsonl': expected, ...others } = whole.files
        expect(files).toEqual(others)
        expect(parsed(rejects)).toEqual(parsed(expected))
      }),
    timeout,
  )
})

/** Rows as objects, whichever format they were written in. */
function parsed(rows: unknown): unknown[] {
  return (rows as string[]).map((row) => JSON.parse(row) as unknown)
}
