import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { type Observable, take } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Barrier, Control, Rejects, Watermark } from '../../../src/flow/control.ts'
import { OptionError, OverrunError } from '../../../src/errors.ts'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { release } from '../../../src/flow/slot-of.ts'
import { operate } from '../../../src/flow/operate.ts'
import { Run } from '../../../src/run/run-state.ts'
import { batchOf } from '../../helpers/batches.ts'
import { pulled, runFrom, saved } from '../../helpers/runs.ts'
import { collect, counter, idle, pause, turn } from '../../helpers/sources.ts'

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

const given = (...values: readonly (number | Control | undefined)[]): Flow<number> =>
  new Flow(async function* () {
    for (const value of values) if (value !== undefined) yield await Promise.resolve(value)
  })

const refused = (id: string) => ({ id, operator: 'o', code: 'C', message: '', attempt: 1 })

/** Ends when `few.left` values have passed. */
function stopped(few: { left: number }): (source: Observable<number>) => Flow<number> {
  return (source) => {
    const input = flowOf(source)
    return new Flow(
      async function* (context) {
        for await (const value of input.pull(context)) {
          if (few.left-- <= 0) return
          yield value
        }
      },
      { name: 'stopped', role: 'operator', inputs: [input] },
    )
  }
}
const limited = (left: number) => stopped({ left })

describe('fanOut', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fan-out-'))
  })
  afterEach(async () => {
    expect(await readdir(folder)).toEqual([])
    await rm(folder, { recursive: true })
  })

  it('gives every value to every branch, and reads the source once', async () => {
    const { flow, runs, open } = counter(50)
    const branches = fanOut(3)(flow)
    expect(await Promise.all(branches.map(collect))).toEqual([
      numbers(50),
      numbers(50),
      numbers(50),
    ])
    expect([runs(), open()]).toEqual([1, 0])
    expect(await Promise.all(branches.map(collect))).toHaveLength(3)
    expect(runs()).toBe(2)
  })

  it('starts when every branch has a reader', async () => {
    const { flow, made } = counter(3)
    const [a, b] = fanOut(2)(flow)
    const first = collect(a)
    await turn()
    expect(made()).toBe(0)
    expect(await Promise.all([first, collect(b)])).toEqual([numbers(3), numbers(3)])
  })

  it('ends when one branch waits for the other, and spills meanwhile', async () => {
    const { flow } = counter(200)
    const options = { memoryBytes: 4096, spillDir: folder, patienceMs: 1 }
    const [a, b] = fanOut(2, options)(flow)
    const late = b[Symbol.asyncIterator]()
    const firstOfB = late.next()
    expect(await collect(a)).toEqual(numbers(200))
    expect((await readdir(folder)).length).toBeGreaterThan(0)
    expect((await firstOfB).value).toBe(0)
    const rest = await collect({ [Symbol.asyncIterator]: () => late })
    expect(rest).toEqual(numbers(200).slice(1))
  })

  it('holds the fast branch back, rather than spill, while the slow one takes values', async () => {
    const { flow, made } = counter(60)
    const [fast, slow] = fanOut(2, { memoryBytes: 4096, spillBytes: 0, patienceMs: 1000 })(flow)
    const ahead: number[] = []
    const slowly = async (): Promise<number> => {
      let taken = 0
      for await (const value of slow) {
        ahead.push(made() - value)
        await pause(1)
        taken++
      }
      return taken
    }
    expect(await Promise.all([slowly(), collect(fast)])).toEqual([60, numbers(60)])
    expect(Math.max(...ahead)).toBeLessThanOrEqual(7)
  })

  it('brings batches back from disk with their schema, types and nulls', async () => {
    const batches = numbers(40).map((i) =>
      batchOf([
        { id: `a${String(i)}`, value: i + 0.5, big: BigInt(i) },
        { id: null, value: null, big: null },
      ]),
    )
    const options = { memoryBytes: 1, spillDir: folder, patienceMs: 0 }
    const [a, b] = fanOut(2, options)(flowOf<RecordBatch>(batches))
    const late = b[Symbol.asyncIterator]()
    const firstOfB = late.next()
    await collect(a)
    const back = [(await firstOfB).value as RecordBatch]
    back.push(...(await collect({ [Symbol.asyncIterator]: () => late })))
    const rows = (list: readonly RecordBatch[]) => list.flatMap((x) => x.toArray().map(String))
    expect(rows(back)).toEqual(rows(batches))
    expect(String(back[39]?.schema)).toBe(String(batches[39]?.schema))
  })

  it('fails every branch when one lags beyond both bounds, and names it', async () => {
    const { flow, open } = counter(500)
    const options = { memoryBytes: 4096, spillBytes: 1500, spillDir: folder, patienceMs: 0 }
    const [a, b] = fanOut(2, options)(flow)
    const late = b[Symbol.asyncIterator]()
    const firstOfB = late.next()
    const failure = new OverrunError(
      'Expected branch 2 of fanOut to lag by at most 4096 bytes in memory and 1500 on disk, got more',
    )
    await expect(collect(a)).rejects.toThrow(failure)
    expect((await firstOfB).value).toBe(0)
    await expect(late.next()).rejects.toThrow(OverrunError)
    expect(open()).toBe(0)
  })

  it('does not count a branch that has ended', async () => {
    const { flow, open } = counter(100)
    const [a, b, c] = fanOut(3, { memoryBytes: 4096, spillBytes: 0 })(flow)
    const ended = collect(flowOf(b.pipe(take(2))))
    expect(await Promise.all([collect(a), ended, collect(c)])).toEqual([
      numbers(100),
      [0, 1],
      numbers(100),
    ])
    expect(open()).toBe(0)
  })

  it('stops an idle source when every branch has left', async () => {
    let stopped = false
    const source = new Flow<number>(async function* (context) {
      try {
        yield* idle().pull(context)
      } finally {
        stopped = true
      }
    })
    const branches = fanOut(2)(source)
    const running = branches.map((branch) => branch.subscribe())
    await pause(2)
    running[0]?.unsubscribe()
    await pause(2)
    expect(stopped).toBe(false)
    running[1]?.unsubscribe()
    await pause(2)
    expect(stopped).toBe(true)
  })

  it('passes an error on after the values before it', async () => {
    const [a, b] = fanOut(2)(counter(5, 3).flow)
    for (const branch of await Promise.allSettled([a, b].map(collect)))
      expect(branch).toMatchObject({ status: 'rejected', reason: { message: 'source' } })
  })

  it('sends rejects down one branch, other messages down all', async () => {
    const sent = [new Rejects([]), new Barrier(1), new Watermark(5)]
    const source = new Flow<number>(async function* () {
      yield await Promise.resolve(1)
      yield* sent
    })
    const { signal } = new AbortController()
    const kinds = async (flow: Flow<number>): Promise<unknown[]> =>
      (await collect(flow.pull({ signal }))).map((v) => (v instanceof Control ? v.type : v))
    expect(await Promise.all(fanOut(2)(source).map(kinds))).toEqual([
      [1, 'rejects', 'barrier', 'watermark'],
      [1, 'barrier', 'watermark'],
    ])
  })

  it('hands rejects that a branch leaves behind to another, in their place', async () => {
    const late = [new Rejects([refused('early')]), new Rejects([refused('late')])]
    const source = given(1, 2, late[0], 3, late[1], 4)
    const [a, b] = fanOut(2)(source)
    const { signal } = new AbortController()
    const readA = collect(flowOf(a.pipe(limited(1))).pull({ signal }))
    expect(await collect(b.pull({ signal }))).toEqual([1, 2, late[0], 3, late[1], 4])
    expect(await readA).toEqual([1])
  })

  it('puts such rejects into a checkpoint that the other branch has passed', async () => {
    const rejects = new Rejects([refused('late')])
    const barrier = new Barrier(1)
    const few = { left: Infinity }
    const parts = (...values: (number | Control | undefined)[]) => {
      const [a, b] = fanOut(2)(given(...values))
      return [flowOf(a.pipe(stopped(few))), b] as const
    }
    const { signal } = new AbortController()
    const run = new Run()
    const [a, b] = parts(1, 2, rejects, barrier, 3)
    const values = a.pull({ signal, run })[Symbol.asyncIterator]()
    const first = values.next()
    const ahead: unknown[] = []
    for await (const value of b.pull({ signal, run })) {
      ahead.push(value)
      // The first branch leaves when the second is behind the barrier.
      if (value !== barrier) continue
      expect((await first).value).toBe(1)
      few.left = 0
      await values.next()
    }
    expect(ahead).toEqual([1, 2, barrier, rejects, 3])
    expect(barrier.states.get('fanOut')?.state).toEqual(rejects.rows)
    const [again, rest] = parts(3)
    const restored = runFrom(barrier.states)
    release([again], { signal, run: restored })
    const resumed = await pulled(rest, restored)
    expect(resumed).toEqual([rejects, 3])
  })

  it('keeps such rejects in its state while a barrier is due, since its reader may have passed that', async () => {
    const rejects = new Rejects([refused('late')])
    const barrier = new Barrier(1)
    const run = runFrom(new Map([['fanOut', saved(rejects.rows)]]))
    const [a, b] = fanOut(2)(given(barrier, 1))
    release([a], { signal: new AbortController().signal, run })
    expect(await pulled(b, run)).toEqual([barrier, rejects, 1])
    expect(barrier.states.get('fanOut')?.state).toEqual(rejects.rows)
  })

  it('goes on without the branch whose reader had ended', async () => {
    const [a, b] = fanOut(2)(given(1, 2))
    const ended = new Map([['limited', { ...saved(undefined), ended: true }]])
    const run = runFrom(ended)
    const few = flowOf(a.pipe(operate({ name: 'limited', start: () => ({ next: (i) => [i] }) })))
    expect(await Promise.all([pulled(few, run), pulled(b, run)])).toEqual([[], [1, 2]])
  })

  it('lets go of its source when every branch has left before it was read', async () => {
    const [below, other] = fanOut(2)(given(1, 2))
    const [a, b] = fanOut(2)(below)
    const { signal } = new AbortController()
    release([b], { signal })
    expect(await collect(a.pull({ signal: AbortSignal.abort() }))).toEqual([])
    expect(await collect(other.pull({ signal }))).toEqual([1, 2])
  })

  it('asks for the heavy columns that any branch wants, in the run that they share', async () => {
    let asked: unknown
    const run = new Run()
    const source = new Flow<number>(async function* (context) {
      asked = [[...(context.columns ?? [])], context.run === run]
      yield await Promise.resolve(1)
    })
    const [a, b] = fanOut(2)(source)
    const { signal } = new AbortController()
    await Promise.all([
      collect(a.pull({ signal, run, columns: new Set(['image']) })),
      collect(b.pull({ signal, run, columns: new Set(['pixels']) })),
    ])
    expect(asked).toEqual([['image', 'pixels'], true])
  })

  it('refuses a second reader of a branch', async () => {
    const [a, b] = fanOut(2)(counter(2).flow)
    const first = Promise.all([collect(a), collect(b)])
    await expect(collect(a)).rejects.toThrow(
      'Expected one reader of branch 1 of fanOut, got another',
    )
    await first
  })

  it.each([
    [() => fanOut(0), 'Expected option `branches` to be a positive integer, got `0` (number)'],
    [
      () => fanOut(2, { memoryBytes: 0 }),
      'Expected option `memoryBytes` to be a positive integer, got `0` (number)',
    ],
    [
      () => fanOut(2, { spillBytes: -1 }),
      'Expected option `spillBytes` to be a whole number, got `-1` (number)',
    ],
    [
      () => fanOut(2, { patienceMs: 0.5 }),
      'Expected option `patienceMs` to be a whole number, got `0.5` (number)',
    ],
    [
      () => fanOut(2, { spillDir: '' }),
      'Expected option `spillDir` to be a non-empty string, got `` (string)',
    ],
  ])('checks its options: %#', (call, message) => {
    expect(call).toThrow(new OptionError(message))
  })
})
