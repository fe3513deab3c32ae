import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scheduler } from 'node:timers/promises'
import type { RecordBatch } from 'apache-arrow'
import { map } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { nodeDisk } from '../../../src/disk.ts'
import { operate } from '../../../src/flow/operate.ts'
import { sink } from '../../../src/flow/sink.ts'
import { source } from '../../../src/flow/source.ts'
import { stateless } from '../../../src/flow/stateless.ts'
import { resumePoint } from '../../../src/run/resume-point.ts'
import { run, type RunOptions } from '../../../src/run/run.ts'
import { letters, refuse } from '../../helpers/flows.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const at = (name: string): string => join(folder, name)
const kept = (options: Partial<RunOptions['checkpoint']> = {}): RunOptions => ({
  checkpoint: { folder: at('checkpoint'), everyMs: 1, ...options },
})

/** The ids that a file of JSON lines has. */
async function idsIn(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { id: string }).id)
}

/** Lets rows through until `row` has been; then fails. */
function failAt(row: string, fail: { now: boolean }) {
  return stateless(
    map((batch: RecordBatch) => {
      const ids = [...(batch.getChild('id') ?? [])].map(String)
      if (fail.now && ids.includes(row)) throw new Error('the power is gone')
      return batch
    }),
  )
}

/** A sink into memory that cannot be published at first. */
function toFailing(fail: { now: boolean }) {
  return sink<number>({
    name: 'failing',
    guarantee: 'exactly-once',
    open(_context, from = 0) {
      let rows = from
      return {
        write: (batch) => void (rows += batch.numRows),
        stage: () => rows,
        finish: () => ({
          summary: { sink: 'failing', location: 'memory', rows, bytes: 0, files: 1 },
          state: rows,
        }),
        abort: () => undefined,
      }
    },
    publish() {
      if (fail.now) throw new Error('cannot be published')
    },
  })
}

describe('a run with checkpoints', () => {
  it('goes on behind the newest one, and loses and doubles nothing', async () => {
    const fail = { now: true }
    const flow = () =>
      letters('a', 2_000).pipe(refuse('7'), failAt('a1500', fail), toJsonl(at('out.jsonl')))
    const rejects = toJsonl(at('rejects.jsonl'))
    await expect(run(flow(), { ...kept(), rejects })).rejects.toThrow('the power is gone')
    expect((await readdir(folder)).filter((name) => !name.startsWith('.'))).toEqual(['checkpoint'])
    fail.now = false
    const notes: string[] = []
    const done = await run(flow(), {
      ...kept({ resume: true }),
      rejects,
      onNote: (line) => notes.push(line),
    })
    expect(notes).toMatchObject([expect.stringMatching(/^resumed from checkpoint \d+$/)])
    expect(done).toMatchObject({ rows: 2_000, rejected: 200, checkpoint: { complete: true } })
    const ids = await idsIn(at('out.jsonl'))
    const refused = await idsIn(at('rejects.jsonl'))
    expect(ids).toHaveLength(1_800)
    expect(new Set([...ids, ...refused]).size).toBe(2_000)
    expect((await readdir(folder)).sort()).toEqual(['checkpoint', 'out.jsonl', 'rejects.jsonl'])
  })

  it('publishes what it had written, when it fails while it does that', async () => {
    const fail = { now: true }
    const flow = () => letters('a', 40).pipe(refuse('7'), toFailing(fail))
    const rejects = toJsonl(at('rejects.jsonl'))
    await expect(run(flow(), { ...kept(), rejects })).rejects.toThrow('cannot be published')
    fail.now = false
    const done = await run(flow(), { ...kept({ resume: true }), rejects })
    expect(done).toMatchObject({ rows: 40, rejected: 4, sinks: [{ rows: 36 }, { rows: 4 }] })
    expect(await idsIn(at('rejects.jsonl'))).toEqual(['a7', 'a17', 'a27', 'a37'])
  })

  it('fails with what stopped it, though it cannot let go of its folder either', async () => {
    const disk = {
      ...nodeDisk,
      lock: () => Promise.resolve(() => Promise.reject(new Error('EACCES: unlink'))),
    }
    const failing = run(letters('a', 40).pipe(failAt('a15', { now: true })), { ...kept(), disk })
    const error: unknown = await failing.catch((cause: unknown) => cause)
    expect(error).toMatchObject({ message: 'the power is gone' })
    expect(resumePoint(error)).toBeDefined()
  })

  it('is not run again when it has finished', async () => {
    const flow = () => letters('a', 40).pipe(toJsonl(at('out.jsonl')))
    const first = await run(flow(), kept())
    await rm(at('out.jsonl'))
    expect(await run(flow(), kept({ resume: true }))).toEqual(first)
    expect(await readdir(folder)).toEqual(['checkpoint'])
  })

  it.each<{ name: string; again: () => Promise<unknown>; error: string }>([
    {
      name: 'without being told to resume it',
      again: () => run(letters('a', 2_000).pipe(toJsonl(at('out.jsonl'))), kept()),
      error: 'go on with it (--resume), or remove the folder to start over',
    },
    {
      name: 'with another pipeline',
      again: () => run(letters('a', 2_001).pipe(toJsonl(at('out.jsonl'))), kept({ resume: true })),
      error: '+ letters',
    },
    {
      name: 'with another seed',
      again: () =>
        run(letters('a', 2_000).pipe(failAt('a1500', { now: true }), toJsonl(at('out.jsonl'))), {
          ...kept({ resume: true }),
          seed: 1,
        }),
      error: '+ seed 1',
    },
  ])('refuses to go on $name', async ({ again, error }) => {
    const dying = letters('a', 2_000).pipe(failAt('a1500', { now: true }), toJsonl(at('out.jsonl')))
    await expect(run(dying, kept())).rejects.toThrow('the power is gone')
    await expect(again()).rejects.toThrow(error)
  })

  it('counts no row behind the last checkpoint when it is drained', async () => {
    const drain = new AbortController()
    const arriving = source<RecordBatch, number>({
      name: 'arriving',
      async *read(_context, from = 0) {
        for (let row = from; ; row++) {
          await scheduler.wait(1)
          yield [batchOf([textColumn('id', [`a${String(row)}`])]), row + 1]
        }
      },
    })
    const closing = operate<RecordBatch, RecordBatch>({
      name: 'closing',
      start: () => ({
        *next(batch) {
          yield batch
        },
        close: () => scheduler.wait(5),
      }),
    })
    const first = await run(arriving.pipe(closing, toJsonl(at('rows.jsonl'))), {
      ...kept({ everyMs: 60_000 }),
      ...{ drain: drain.signal, progressMs: 1 },
      onProgress: ({ rows }) => {
        if (rows > 0) drain.abort()
      },
    })
    expect(first.drained).toBe(true)
    const [temporary = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tmp'))
    expect(first.rows).toBe((await idsIn(at(temporary))).length)
    expect(first.operators.map(({ rowsIn }) => rowsIn)).toEqual(Array(3).fill(first.rows))
  })
})
