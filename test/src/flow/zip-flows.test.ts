import { RecordBatch } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { batchOf, float64Column } from '../../../src/batch/batch.ts'
import { Barrier, type Control, Rejects, Watermark } from '../../../src/flow/control.ts'
import { OptionError, OverrunError } from '../../../src/errors.ts'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { slotOf } from '../../../src/flow/slot-of.ts'
import { zipFlows } from '../../../src/flow/zip-flows.ts'
import { Run } from '../../../src/run/run-state.ts'
import { pulled as pulledIn, runFrom, saved } from '../../helpers/runs.ts'
import { collect, counter, idle, pause } from '../../helpers/sources.ts'

const given = <T>(...values: readonly (T | Control)[]): Flow<T> =>
  new Flow(async function* () {
    for (const value of values) yield await Promise.resolve(value)
  })

const pulled = <T>(flow: Flow<T>): Promise<(T | Control)[]> =>
  collect(flow.pull({ signal: new AbortController().signal }))

/** One row, `x`. */
const batch = (x: number): RecordBatch => batchOf([float64Column('x', Float64Array.of(x))])

/** Batches as the numbers in them. */
const plain = (value: unknown): unknown =>
  value instanceof RecordBatch
    ? [...(value.getChild('x') ?? [])]
    : Array.isArray(value)
      ? value.map(plain)
      : value

const b1 = new Barrier(1)
const b2 = new Barrier(2)
const rejects = new Rejects([])
const watermark = new Watermark(1)

describe('zipFlows', () => {
  const cases: readonly {
    name: string
    flows: readonly Flow<string>[]
    expected: readonly unknown[]
  }[] = [
    { name: 'no values', flows: [given(), given('a')], expected: [] },
    { name: 'one flow', flows: [given('a', 'b')], expected: [['a'], ['b']] },
    {
      name: 'flows of different length',
      flows: [given('a', 'b'), given('c')],
      expected: [['a', 'c']],
    },
    { name: 'rejects', flows: [given('a', rejects), given('b')], expected: [['a', 'b'], rejects] },
    {
      name: 'watermarks',
      flows: [given<string>(watermark, 'a'), given('b')],
      expected: [watermark, ['a', 'b']],
    },
    {
      name: 'a barrier at one place',
      flows: [given('a', b1, 'b'), given('c', b1, 'd')],
      expected: [['a', 'c'], b1, ['b', 'd']],
    },
    {
      name: 'a barrier at different places',
      flows: [given('a', b1, 'b', b2), given('c', 'd', b1, b2)],
      expected: [['a', 'c'], b1, ['b', 'd'], b2],
    },
  ]
  it.each(cases)('puts together $name', async ({ flows, expected }) => {
    expect(await pulled(zipFlows(...flows))).toEqual(expected)
  })

  it.each([
    { name: 'texts', values: (i: number): unknown => `v${String(i)}` },
    { name: 'batches', values: (i: number): unknown => batch(i) },
    { name: 'lists of batches', values: (i: number): unknown => [batch(i), batch(-i)] },
  ])('saves $name that have no partner at a barrier, and goes on with them', async ({ values }) => {
    const barrier = new Barrier(1)
    const of = (name: string, passAt: number): Flow<unknown> => {
      const flow: Flow<unknown> = new Flow(async function* (context) {
        const slot = slotOf(flow, name, context)
        for (let i = (slot.state as number | undefined) ?? 0; i < 9; i++) {
          if (i === passAt && !context.run?.restored(slot.key)) {
            slot.save(barrier, i)
            yield barrier
          }
          yield await Promise.resolve(values(i))
        }
        slot.end()
      })
      return flow
    }
    const zip = () => zipFlows(of('a', 2), of('b', 7), of('c', 9))
    const first: unknown[] = []
    for await (const value of zip().pull({
      signal: new AbortController().signal,
      run: new Run(),
    })) {
      if (value === barrier) break
      first.push(value)
    }
    expect(first).toHaveLength(2)
    const kept = barrier.states.get('zipFlows')?.state as readonly unknown[][]
    expect(kept.map((list) => list.length)).toEqual([0, 5, 7])
    const rest = await pulledIn(zip(), runFrom(barrier.states))
    const all = await pulled(zipFlows(of('a', -1), of('b', -1), of('c', -1)))
    expect(plain([...first, ...rest])).toEqual(plain(all))
    expect(all).toHaveLength(9)
  })

  it('fails if the flows are too far apart at a barrier', async () => {
    const large = batchOf([float64Column('x', new Float64Array(2 ** 20))])
    const far = new Flow(async function* () {
      for (let i = 0; i < 20; i++) yield await Promise.resolve(large)
    })
    const zip = zipFlows(given<number>(b1, 1), far)
    await expect(pulled(zip)).rejects.toThrow(OverrunError)
  })

  it('reads nothing any more when it had ended', async () => {
    const { flow, made } = counter(5)
    const states = new Map([['zipFlows', { ...saved(undefined), ended: true }]])
    expect(await pulledIn(zipFlows(flow), runFrom(states))).toEqual([])
    expect(made()).toBe(0)
  })

  it('lets go of a flow of which it had kept more than it needed', async () => {
    const state = [[{ value: 1 }, { value: 2 }], []]
    const run = runFrom(new Map([['zipFlows', saved(state)]]))
    const [a, b] = fanOut(2)(given(3, 4))
    const zipped = pulledIn(zipFlows(a, given('x')), run)
    expect(await Promise.all([zipped, pulledIn(b, run)])).toEqual([[[1, 'x']], [3, 4]])
  })

  it('holds one value of each flow', async () => {
    const fast = counter(30)
    let most = 0
    for await (const [i] of zipFlows(fast.flow, counter(20).flow)) {
      most = Math.max(most, fast.made() - i)
      await pause(0)
    }
    expect(most).toBe(1)
    expect(fast.open()).toBe(0)
  })

  it('passes a barrier while its flows are idle', async () => {
    const source = new Flow<number>(async function* (context) {
      yield 1
      yield b1
      yield* idle().pull(context)
    })
    const [a, b] = fanOut(2)(source)
    const seen = []
    const ended = new AbortController()
    for await (const value of zipFlows(a, b).pull({ signal: ended.signal })) {
      seen.push(value)
      if (value === b1) break
    }
    ended.abort()
    expect(seen).toEqual([[1, 1], b1])
  })

  it('ends all when one fails', async () => {
    const other = counter(50)
    await expect(collect(zipFlows(counter(9, 3).flow, other.flow))).rejects.toThrow('source')
    await pause(1)
    expect(other.open()).toBe(0)
  })

  it('ends early, though its flows are idle', async () => {
    const values = zipFlows(idle(), idle())[Symbol.asyncIterator]()
    expect((await values.next()).value).toEqual([1, 1])
    const waiting = values.next()
    await values.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
  })

  it('is bounded when one flow is', () => {
    const unbounded = new Flow(() => given(1).pull({ signal: new AbortController().signal }), {
      name: 'clock',
      role: 'source',
      bounded: false,
    })
    expect(zipFlows(unbounded, flowOf([1])).bounded).toBe(true)
    expect(zipFlows(unbounded, unbounded).bounded).toBe(false)
  })

  it('needs a flow', () => {
    expect(() => zipFlows()).toThrow(new OptionError('Expected at least one flow, got none'))
  })
})
