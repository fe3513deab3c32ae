import { getEventListeners } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  bufferCount,
  bufferTime,
  catchError,
  concat,
  concatMap,
  debounceTime,
  delay,
  exhaustMap,
  filter,
  interval,
  lastValueFrom,
  map,
  merge,
  mergeMap,
  NEVER,
  Observable,
  of,
  type OperatorFunction,
  repeat,
  retry,
  share,
  take,
  takeUntil,
  timeout,
  timer,
  toArray,
} from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Barrier, Rejects } from '../../../src/flow/control.ts'
import { OverrunError } from '../../../src/errors.ts'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { mergeFlows } from '../../../src/flow/merge-flows.ts'
import { operate } from '../../../src/flow/operate.ts'
import { prefetch } from '../../../src/flow/prefetch.ts'
import { stateless } from '../../../src/flow/stateless.ts'
import { zipFlows } from '../../../src/flow/zip-flows.ts'
import { collect, counter, idle, turn } from '../../helpers/sources.ts'

const even = (i: number): boolean => i % 2 === 0

const all = <T>(source: Observable<T>): Promise<T[]> => lastValueFrom(source.pipe(toArray()))

/** Takes its time over each value, and records how far the source was ahead of it. */
function slowly<T>(made: () => number, ahead: number[]): OperatorFunction<T, T> {
  let taken = 0
  return operate(() => ({
    async *next(value) {
      taken++
      ahead.push(made() - taken)
      await new Promise((resolve) => setTimeout(resolve, 1))
      yield value
    },
  }))
}

describe('Flow', () => {
  const bounded: readonly [string, (f: Flow<number>) => Observable<unknown>, number][] = [
    ['map', (f) => f.pipe(map((i) => i + 1)), 1],
    ['concatMap to an array', (f) => f.pipe(concatMap((i) => [i])), 1],
    ['concatMap to flows', (f) => f.pipe(concatMap((i) => flowOf(of(i)))), 2],
    ['concat', (f) => concat(f), 2],
    ['merge', (f) => merge(f, f), 4],
    ['mergeMap to flows', (f) => of(0).pipe(mergeMap(() => f)), 2],
  ]
  it.each(bounded)('holds its source back through %s', async (_name, chain, bound) => {
    const { flow, made } = counter(60)
    const ahead: number[] = []
    await all(flowOf(chain(flow)).pipe(slowly(made, ahead)))
    expect(Math.max(...ahead)).toBeLessThanOrEqual(bound)
  })

  const inner = (i: number): Flow<number> =>
    new Flow(async function* () {
      await turn()
      yield i
      await turn()
      yield i
    })
  it.each([
    ['concatMap', (f: Flow<number>) => f.pipe(concatMap(inner)), 2],
    ['exhaustMap', (f: Flow<number>) => f.pipe(exhaustMap(inner)), 2],
    ['mergeMap of 3', (f: Flow<number>) => f.pipe(mergeMap(inner, 3)), 4],
    ['filter, then concatMap', (f: Flow<number>) => f.pipe(filter(even), concatMap(inner)), 4],
  ])('holds its source back through %s while inner flows are slow', async (_name, chain, bound) => {
    const { flow, made } = counter(40)
    let most = 0
    let last = 0
    for await (const value of flowOf(chain(flow))) {
      most = Math.max(most, made() - Math.max(last, value))
      last = value
    }
    expect(made()).toBe(40)
    expect(last).toBeGreaterThanOrEqual(38)
    expect(most).toBeLessThanOrEqual(bound)
  })

  it('does not wait for an inner flow that never ends, where the operator does not', async () => {
    const { flow, made } = counter(40)
    const chain = flow.pipe(
      filter(even),
      mergeMap(() => idle()),
    )
    expect(await all(chain.pipe(take(10)))).toHaveLength(10)
    expect(made()).toBeLessThanOrEqual(21)
  })

  it('gives timers their turn, however fast its source is', async () => {
    const { flow, open } = counter(Infinity)
    expect((await all(flow.pipe(takeUntil(timer(20))))).length).toBeGreaterThan(0)
    await turn()
    expect(open()).toBe(0)
  })

  it('does not gather memory over 200,000 values', async () => {
    const chain = counter(200_000).flow.pipe(
      map((i) => i + 1),
      filter((i) => i > 0),
    )
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    let before = 0
    let count = 0
    for await (const value of flowOf(chain)) {
      if (++count !== 20_000 && count !== 200_000) continue
      collectGarbage()
      const { heapUsed } = process.memoryUsage()
      if (value === 20_000) before = heapUsed
      else expect(heapUsed - before).toBeLessThan(2_000_000)
    }
    expect(count).toBe(200_000)
  })

  it('leaves no listener on the signal that it was given', async () => {
    const { signal } = new AbortController()
    const chain = flowOf(
      counter(5).flow.pipe(
        map((i) => i),
        concatMap((i) => flowOf([i])),
        operate({ name: 'pass', concurrency: 2, start: () => ({ next: (i: number) => [i] }) }),
      ),
    )
    expect(await collect(chain.pull({ signal }))).toEqual([0, 1, 2, 3, 4])
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  const b1 = new Barrier(1)
  const rejects = new Rejects([])
  const messages = (): Flow<number> =>
    new Flow<number>(async function* () {
      for (const value of [1, b1, 2, rejects, 3]) yield await Promise.resolve(value)
    })
  it.each([
    ['nothing', (f: Flow<number>) => f],
    ['map', (f: Flow<number>) => f.pipe(map((i) => i))],
    [
      'several operators',
      (f: Flow<number>) =>
        f.pipe(
          map((i) => i),
          filter(Boolean),
          share(),
        ),
    ],
    ['stateless', (f: Flow<number>) => f.pipe(stateless(map((i) => i)))],
    ['concatMap to arrays', (f: Flow<number>) => f.pipe(concatMap((i) => [i]))],
    ['a second subscription', (f: Flow<number>) => f.pipe(repeat({ count: 2, delay: 1 }), take(3))],
    ['concat', (f: Flow<number>) => concat(f, flowOf<number>([]))],
    ['operate', (f: Flow<number>) => f.pipe(operate(() => ({ next: (i) => [i] })))],
    ['prefetch', (f: Flow<number>) => f.pipe(prefetch(2))],
    ['mergeFlows', (f: Flow<number>) => mergeFlows(f)],
    ['zipFlows', (f: Flow<number>) => zipFlows(f).pipe(map(([i]) => i))],
    ['fanOut', (f: Flow<number>) => fanOut(1)(f)[0]],
  ])('passes control messages in their place: %s', async (_name, chain) => {
    const { signal } = new AbortController()
    const flow = flowOf(chain(messages()))
    expect(await collect(flow.pull({ signal }))).toEqual([1, b1, 2, rejects, 3])
  })

  it('passes a barrier once, though every flow of a concat sends it', async () => {
    const { signal } = new AbortController()
    const flow = flowOf(concat(messages(), messages()))
    const values = await collect(flow.pull({ signal }))
    expect(values).toEqual([1, b1, 2, rejects, 3, 1, 2, rejects, 3])
  })

  it('asks for no more than an operator needs', async () => {
    const { flow, made } = counter(40)
    const ahead: number[] = []
    const chain = flow.pipe(
      filter((i) => i % 2 === 0),
      bufferCount(2),
      slowly(() => made() / 4, ahead),
    )
    expect(chain).toBeInstanceOf(Flow)
    expect((await all(chain)).flat()).toHaveLength(20)
    expect(Math.max(...ahead)).toBeLessThanOrEqual(0)
  })

  it('stops its source when nobody asks any more', async () => {
    const { flow, made } = counter(1_000)
    expect(await all(flow.pipe(take(3)))).toEqual([0, 1, 2])
    expect(made()).toBe(3)
  })

  it('passes errors through operators, each of which may start the source again', async () => {
    const broken = () => counter(4, 2).flow
    await expect(all(broken())).rejects.toThrow('source')
    expect(await all(broken().pipe(catchError(() => of(9))))).toEqual([0, 1, 9])
    expect(await all(broken().pipe(retry(1)))).toEqual([0, 1, 0, 1, 2, 3])
    expect(await all(counter(2).flow.pipe(repeat(3)))).toEqual([0, 1, 0, 1, 0, 1])
  })

  it('runs once for all subscribers of share', async () => {
    const { flow, runs } = counter(3)
    const shared = flow.pipe(share())
    expect(await Promise.all([all(shared), all(shared)])).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ])
    expect(runs()).toBe(1)
  })

  it('leaves time to operators that need it', async () => {
    expect(await all(idle().pipe(bufferTime(5), take(1)))).toEqual([[1]])
    expect(await all(idle().pipe(debounceTime(2), take(1)))).toEqual([1])
    expect(await all(idle().pipe(delay(2), take(1)))).toEqual([1])
    expect(await all(idle().pipe(takeUntil(timer(5))))).toEqual([1])
    await expect(all(idle().pipe(timeout(5)))).rejects.toThrow('Timeout')
  })

  it('ends at once, and tears inner subscriptions down', async () => {
    let alive = 0
    const inner = new Observable(() => {
      alive++
      return () => {
        alive--
      }
    })
    const running = counter(3)
      .flow.pipe(mergeMap(() => inner))
      .subscribe()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(alive).toBe(3)
    running.unsubscribe()
    expect(alive).toBe(0)

    const values = flowOf(NEVER)[Symbol.asyncIterator]()
    const pending = values.next()
    await values.return?.()
    expect(await pending).toEqual({ done: true, value: undefined })
  })

  it('iterates, and keeps undefined', async () => {
    const seen: unknown[] = []
    for await (const value of flowOf(flowOf(of(1, undefined, 3)).pipe(map((v) => v))))
      seen.push(value)
    expect(seen).toEqual([1, undefined, 3])
  })
})

describe('Node streams', () => {
  it('reads a Readable at the pace of its reader', async () => {
    let made = 0
    const readable = new Readable({
      objectMode: true,
      highWaterMark: 2,
      read() {
        this.push(made < 50 ? made++ : null)
      },
    })
    let most = 0
    for await (const value of flowOf(flowOf<number>(readable).pipe(map((i) => i)))) {
      most = Math.max(most, made - value)
      await turn()
    }
    expect(made).toBe(50)
    expect(most).toBeLessThanOrEqual(4)
  })

  it('destroys a Readable that waits, at once when it is ended', async () => {
    const readable = new Readable({ objectMode: true, read: () => undefined })
    const running = flowOf(readable).subscribe()
    await turn()
    running.unsubscribe()
    expect(readable.destroyed).toBe(true)
  })

  it('passes on the error of a Readable', async () => {
    const readable = new Readable({
      read() {
        this.destroy(new Error('disk'))
      },
    })
    await expect(all(flowOf(readable))).rejects.toThrow('disk')
  })

  it('is read by Readable.from with backpressure, and ended when that is destroyed', async () => {
    const { flow, made, open } = counter(1_000)
    const readable = Readable.from(flow)
    let taken = 0
    for await (const value of readable) {
      expect(value).toBe(taken++)
      expect(made() - taken).toBeLessThanOrEqual(3)
      if (taken === 20) break
      await turn()
    }
    await turn()
    expect(open()).toBe(0)
    expect(made()).toBeLessThan(25)
  })

  it('is piped into a slow Writable with backpressure', async () => {
    const { flow, made } = counter(100)
    let taken = 0
    let most = 0
    const writable = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(_value, _encoding, done) {
        most = Math.max(most, made() - ++taken)
        setImmediate(done)
      },
    })
    await pipeline(Readable.from(flow), writable)
    expect(taken).toBe(100)
    expect(most).toBeLessThanOrEqual(4)
  })
})

describe('flowOf', () => {
  it('returns a flow as it is', () => {
    const { flow } = counter(1)
    expect(flowOf(flow)).toBe(flow)
  })

  it('takes a plain Observable', async () => {
    expect(await all(flowOf(interval(1).pipe(take(3))))).toEqual([0, 1, 2])
  })

  it('fails when a plain Observable runs ahead of its reader', async () => {
    const eager = new Observable<number>((out) => {
      for (let i = 0; i < 9; i++) out.next(i)
      out.complete()
    })
    await expect(all(flowOf(eager, 4))).rejects.toThrow(OverrunError)
  })
})
