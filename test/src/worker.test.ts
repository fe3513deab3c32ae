import { afterEach, describe, expect, it } from 'vitest'
import { WorkerError } from '../../src/errors.ts'
import { WorkerThread } from '../../src/worker.ts'

interface DyingMethods {
  readonly [name: string]: (message: never) => unknown
  readonly echo: (value: string) => string
  readonly exit: (code: number) => never
  readonly crash: (message: string) => never
}

const fixtures = new URL('../fixtures/tasks/any.js', import.meta.url).href
const open: WorkerThread<DyingMethods>[] = []

function newThread(): WorkerThread<DyingMethods> {
  const thread = new WorkerThread<DyingMethods>(fixtures, './dying-worker')
  open.push(thread)
  return thread
}

afterEach(() => Promise.all(open.splice(0).map((thread) => thread.close())))

describe('WorkerThread', () => {
  it('fails every open call when the thread ends, and starts another at the next', async () => {
    const thread = newThread()
    expect(await thread.call('echo', 'one')).toBe('one')
    const calls = await Promise.allSettled([thread.call('exit', 3), thread.call('echo', 'two')])
    for (const call of calls)
      expect(call).toMatchObject({
        reason: {
          code: 'WORKER',
          message:
            'Expected worker thread `dying-worker` to answer, got one that ended with code 3',
        },
      })
    expect(await thread.call('echo', 'three')).toBe('three')
  })

  it('says what the thread failed with, and keeps it from the one started after it', async () => {
    const thread = newThread()
    const failing = thread.call('crash', 'too long')
    await expect(failing).rejects.toThrow(WorkerError)
    // The old thread has failed and not yet ended.
    expect(await thread.call('echo', 'again')).toBe('again')
    await expect(failing).rejects.toMatchObject({
      message: 'Expected worker thread `dying-worker` to answer, got one that failed: too long',
      cause: { name: 'RangeError', message: 'too long' },
    })
  })
})
