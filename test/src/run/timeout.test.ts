import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { RunTimeoutError } from '../../../src/errors.ts'
import type { Flow } from '../../../src/flow/flow.ts'
import { source } from '../../../src/flow/source.ts'
import { resumePoint } from '../../../src/run/resume-point.ts'
import { run } from '../../../src/run/run.ts'
import { letters } from '../../helpers/flows.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'timeout-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** Gives one row; the first time it then waits until nobody wants more. */
function slow(bounded: boolean): Flow<RecordBatch> {
  return source<RecordBatch, number>({
    name: 'slow',
    bounded,
    async *read({ signal }, from) {
      if (from !== undefined) return
      yield [batchOf([textColumn('id', ['a'])]), 1]
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve)
      })
    },
  })
}

describe('run with a timeout', () => {
  const message = 'Expected the run to end within 0.05 s (its timeout), got more to do'

  it('stops a bounded run, which publishes nothing', async () => {
    const out = join(folder, 'out.jsonl')
    const late = run(slow(true).pipe(toJsonl(out)), { timeoutMs: 50 })
    await expect(late).rejects.toThrow(new RunTimeoutError(message))
    expect(existsSync(out)).toBe(false)
  })

  it('takes a last checkpoint first, if the run keeps checkpoints', async () => {
    const out = join(folder, 'out.jsonl')
    const checkpoint = { folder: join(folder, 'kept') }
    const job = slow(true).pipe(toJsonl(out))
    const error = await run(job, { timeoutMs: 50, checkpoint }).catch((cause: unknown) => cause)
    expect(error).toEqual(new RunTimeoutError(message))
    expect(resumePoint(error)).toMatchObject({ number: 1, complete: false })
    const resumed = await run(job, {
      timeoutMs: 50_000,
      checkpoint: { ...checkpoint, resume: true },
    })
    expect(resumed).toMatchObject({ rows: 1, sinks: [{ location: out, rows: 1 }] })
  })

  it('drains a run that does not end by itself, and publishes', async () => {
    const out = join(folder, 'parts')
    const drained = await run(slow(false).pipe(toJsonl(out)), { timeoutMs: 50 })
    expect(drained).toMatchObject({ drained: true, sinks: [{ rows: 1 }] })
  })

  it('leaves a run alone that ends in time', async () => {
    const out = join(folder, 'out.jsonl')
    expect(await run(letters('a', 4).pipe(toJsonl(out)), { timeoutMs: 50_000 })).toMatchObject({
      ...{ rows: 4, drained: false },
    })
  })

  it.each([0, -1, NaN, 2 ** 31])('refuses %d', async (timeoutMs) => {
    await expect(run(letters('a', 4), { timeoutMs })).rejects.toThrow(
      'Expected option `timeoutMs` to be a number from 1 to 2147483647',
    )
  })
})
