import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { map } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { stateless } from '../../../src/flow/stateless.ts'
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
})
