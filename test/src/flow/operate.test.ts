import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, of, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { batchOf, binaryColumn, textColumn } from '../../../src/batch/batch.ts'
import { Barrier, Control, Rejects, Watermark } from '../../../src/flow/control.ts'
import { OptionError } from '../../../src/errors.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { operate, type OperateSpec } from '../../../src/flow/operate.ts'
import { Run } from '../../../src/run/run-state.ts'
import { heavy } from '../../../src/batch/schema.ts'
import { aborted, collect, counter, idle, pause, turn } from '../../helpers/sources.ts'
import { countsOf, runFrom } from '../../helpers/runs.ts'

/** Pairs up values; a last one without a partner comes out alone. */
const pairs = operate<number, number[]>(() => {
  let held: number[] = []
  return {
    *next(value) {
      held.push(value)
      if (held.length < 2) return
      yield held
      held = []
    },
    *flush() {
      if (held.length > 0) yield held
    },
  }
})

const given = <T>(...values: readonly (T | Control)[]): Flow<T> =>
  new Flow(async function* () {
    for (const value of values) yield await Promise.resolve(value)
  })

const pulled = <T>(flow: Flow<T>, run?: Run): Promise<(T | Control)[]> =>
  collect(flow.pull({ signal: new AbortController().signal, ...(run && { run }) }))

/** Passes numbers on, each after the time that `ms` says. */
const delayed = (spec: Partial<OperateSpec<number, number>>, ms: (value: number) => number) =>
  operate<number, number>({
    name: 'delayed',
    start: () => ({
      async *next(value) {
        await pause(ms(value))
        yield value
      },
    }),
    ...spec,
  })

describe('operate', () => {
  it('flushes what is held, and starts each subscription afresh', async () => {
    const result = () => lastValueFrom(of(1, 2, 3).pipe(pairs, toArray()))
    expect(await result()).toEqual([[1, 2], [3]])
    expect(await result()).toEqual([[1, 2], [3]])
  })

  it('does not flush when it is ended early', async () => {
    const ended = new AbortController()
    const calls: string[] = []
    const step = operate<number, number>(() => ({
      *next(value) {
        yield value
      },
      *flush() {
        calls.push('flush')
      },
      close: () => void calls.push('close'),
    }))
    const flow = flowOf(idle().pipe(step))
    for await (const value of flow.pull({ signal: ended.signal })) {
      expect(value).toBe(1)
      ended.abort()
    }
    await turn()
    expect(calls).toEqual(['close'])
  })

  const b1 = new Barrier(1)
  const rejects = new Rejects([])
  const watermark = new Watermark(1)
  const orders = [
    { name: 'one at a time', spec: {}, ordered: true },
    { name: '4 at a time', spec: { concurrency: 4 }, ordered: true },
    { name: '4 at a time, unordered', spec: { concurrency: 4, ordered: false }, ordered: false },
  ]
  it.each(orders)('answers $name', async ({ spec, ordered }) => {
    const source = given<number>(4, 1, watermark, 3, b1, 0, rejects, 2)
    const values = await pulled(flowOf(source.pipe(delayed(spec, (ms) => ms * 2))))
    if (ordered) expect(values).toEqual([4, 1, watermark, 3, b1, 0, rejects, 2])
    else {
      expect(values.slice(0, 5)).toEqual([1, 4, watermark, 3, b1])
      expect(new Set(values.slice(5))).toEqual(new Set([0, rejects, 2]))
    }
  })

  it.each(orders)('keeps at most its concurrency in work: $name', async ({ spec }) => {
    const { flow, made, open } = counter(40)
    let taken = 0
    let most = 0
    for await (const value of flowOf(flow.pipe(delayed(spec, () => 0)))) {
      taken += value >= 0 ? 1 : 0
      most = Math.max(most, made() - taken)
      await pause(1)
    }
    expect([taken, open()]).toEqual([40, 0])
    expect(most).toBeLessThanOrEqual(spec.concurrency ?? 1)
    if (spec.concurrency) expect(most).toBeGreaterThan(1)
  })

  it('does not gather the answers of one value', async () => {
    let made = 0
    const many = operate<number, number>({
      name: 'many',
      concurrency: 2,
      start: () => ({
        *next() {
          for (; made < 100; made++) yield made
        },
      }),
    })
    let taken = 0
    for await (const value of flowOf(of(1).pipe(many))) {
      expect(value).toBe(taken++)
      expect(made - taken).toBeLessThanOrEqual(8)
      await turn()
    }
    expect(taken).toBe(100)
  })

  it.each(orders)(
    'fails with the error as it is, and ends all work first: $name',
    async ({ spec }) => {
      const { flow, open } = counter(40)
      let working = 0
      const failing = operate<number, number>({
        name: 'failing',
        ...spec,
        start: ({ signal }) => ({
          async *next(value) {
            working++
            if (value === 6) await pause(1)
            else if (value > 6) await aborted(signal)
            working--
            if (value === 6) throw new DOMException('ended', 'AbortError')
            yield value
          },
          close() {
            expect(working).toBe(0)
          },
        }),
      })
      await expect(collect(flowOf(flow.pipe(failing)))).rejects.toMatchObject({
        name: 'AbortError',
      })
      expect(open()).toBe(0)
    },
  )

  it.each(orders)('ends early on an idle source: $name', async ({ spec }) => {
    let open = true
    const source = new Flow<number>(async function* (context) {
      try {
        yield* idle().pull(context)
      } finally {
        open = false
      }
    })
    const values = flowOf(source.pipe(delayed(spec, () => 0)))[Symbol.asyncIterator]()
    expect((await values.next()).value).toBe(1)
    const waiting = values.next()
    await values.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await turn()
    expect(open).toBe(false)
  })

  const sum = (concurrency: number) =>
    operate<number, number>({
      name: 'sum',
      concurrency,
      start() {
        let total = 0
        return {
          *next(value) {
            total += value
            yield total
          },
          snapshot: () => total,
          restore: (state: unknown) => void (total = state as number),
        }
      },
    })

  it.each([1, 3])(
    'saves its state at a barrier, and goes on from it (concurrency %i)',
    async (n) => {
      const barrier = new Barrier(1)
      const run = new Run()
      const first = await pulled(flowOf(given(1, 2, barrier, 10).pipe(sum(n))), run)
      expect(first).toEqual([1, 3, barrier, 13])
      expect([...barrier.states].map(([key, { state }]) => [key, state])).toEqual([['sum', 3]])
      const resumed = runFrom(barrier.states)
      expect(await pulled(flowOf(given(10).pipe(sum(n))), resumed)).toEqual([13])
    },
  )

  const picture = binaryColumn('image', [new Uint8Array(2)])
  const image = { ...picture, field: heavy(picture.field) }
  const row = (id: string): RecordBatch => batchOf([textColumn('id', [id]), image])
  const reject = { id: 'b', operator: 'pass', code: 'DATA', message: '', attempt: 1 }
  const pass = operate<RecordBatch, RecordBatch>({
    name: 'pass',
    reads: ['image'],
    start: () => ({
      *next(batch) {
        const id = String(batch.getChild('id')?.get(0))
        if (id === 'a') yield batch
        if (id === 'b') yield new Rejects([reject])
      },
    }),
  })

  it('counts rows kept, rejected and dropped', async () => {
    const run = new Run()
    await pulled(flowOf(given(row('a'), row('b'), row('c')).pipe(pass)), run)
    expect(countsOf(run)['pass']).toEqual({ rowsIn: 3, rowsKept: 1, rejected: 1, dropped: 1 })
  })

  it('counts an operator that makes several rows of one by the rows that came in', async () => {
    const expand = operate<RecordBatch, RecordBatch>({
      name: 'expand',
      sourceRows: (made) => (String(made.getChild('id')?.get(0)).endsWith('1') ? 1 : 0),
      start: () => ({
        *next(batch) {
          const id = String(batch.getChild('id')?.get(0))
          if (id === 'a') for (const n of ['1', '2', '3']) yield row(id + n)
          if (id === 'b') yield new Rejects([reject])
        },
      }),
    })
    const run = new Run()
    const flow = flowOf(given(row('a'), row('b'), row('c')).pipe(expand))
    expect(await pulled(flow, run)).toHaveLength(4)
    expect(countsOf(run)['expand']).toEqual({ rowsIn: 3, rowsKept: 1, rejected: 1, dropped: 1 })
    expect(flow.info.expands).toBe(true)
    expect(flowOf(given<RecordBatch>().pipe(pass)).info.expands).toBeUndefined()
  })

  it('asks for the heavy columns that it reads, and drops them when nobody wants them', async () => {
    let asked: unknown
    const source = new Flow<RecordBatch>(async function* (context) {
      asked = [...(context.columns ?? [])]
      yield await Promise.resolve(row('a'))
    })
    const context = { signal: new AbortController().signal, columns: new Set<string>() }
    const [out] = await collect(flowOf(source.pipe(pass)).pull(context))
    expect(asked).toEqual(['image'])
    expect((out as RecordBatch).schema.fields.map((f) => f.name)).toEqual(['id'])
  })

  it.each([
    [{ name: '' }, 'Expected option `name` to be a non-empty string, got `` (string)'],
    [
      { name: 'x', concurrency: 0 },
      'Expected option `concurrency` to be a positive integer, got `0` (number)',
    ],
  ])('checks its options: %o', (spec, message) => {
    const start = () => ({ next: (value: number) => [value] })
    expect(() => operate({ ...spec, start })).toThrow(new OptionError(message))
  })
})
