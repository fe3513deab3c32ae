import { describe, expect, it } from 'vitest'
import { Barrier, type Control, Rejects, Watermark } from '../../../src/flow/control.ts'
import { OptionError } from '../../../src/errors.ts'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { zipFlows } from '../../../src/flow/zip-flows.ts'
import { collect, counter, idle, pause } from '../../helpers/sources.ts'

const given = <T>(...values: readonly (T | Control)[]): Flow<T> =>
  new Flow(async function* () {
    for (const value of values) yield await Promise.resolve(value)
  })

const pulled = <T>(flow: Flow<T>): Promise<(T | Control)[]> =>
  collect(flow.pull({ signal: new AbortController().signal }))

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
      expected: [['a', 'c'], ['b', 'd'], b2],
    },
  ]
  it.each(cases)('puts together $name', async ({ flows, expected }) => {
    expect(await pulled(zipFlows(...flows))).toEqual(expected)
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
