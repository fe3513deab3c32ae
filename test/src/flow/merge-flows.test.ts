import { Float64, RecordBatch, type Schema, Utf8, Field, Schema as ArrowSchema } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { Barrier, type Control, Rejects, Watermark } from '../../../src/flow/control.ts'
import { OptionError, SchemaError } from '../../../src/errors.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { mergeFlows } from '../../../src/flow/merge-flows.ts'
import { operate } from '../../../src/flow/operate.ts'
import { Run } from '../../../src/run/run-state.ts'
import { letters } from '../../helpers/flows.ts'
import { pulled as pulledIn, runFrom } from '../../helpers/runs.ts'
import { collect, counter, idle, pause } from '../../helpers/sources.ts'

const given = <T>(...values: readonly (T | Control)[]): Flow<T> =>
  new Flow(async function* () {
    for (const value of values) yield await Promise.resolve(value)
  })

const pulled = <T>(flow: Flow<T>): Promise<(T | Control)[]> =>
  collect(flow.pull({ signal: new AbortController().signal }))

const idsOf = (batch: RecordBatch): string[] => [...(batch.getChild('id') ?? [])].map(String)

/** Gives rows a little later. */
function delayed() {
  return operate<RecordBatch, RecordBatch>({
    name: 'delayed',
    start: () => ({
      async *next(batch) {
        await pause(1)
        yield batch
      },
    }),
  })
}

const b1 = new Barrier(1)

describe('mergeFlows', () => {
  it.each([
    { name: 'no values', flows: [given<string>()], expected: [] },
    { name: 'one flow', flows: [given('a', 'b')], expected: ['a', 'b'] },
    { name: 'two', flows: [given('a', 'b', 'c'), given('d')], expected: ['a', 'b', 'c', 'd'] },
  ])('joins $name', async ({ flows, expected }) => {
    expect((await collect(mergeFlows(...flows))).sort()).toEqual(expected)
  })

  it('keeps the order of each flow, and lets none wait for another', async () => {
    const slow = new Flow<number>(async function* () {
      for (let i = 100; i < 103; i++) {
        await pause(3)
        yield i
      }
    })
    const values = await collect(mergeFlows(slow, counter(50).flow))
    expect(values.filter((v) => v >= 100)).toEqual([100, 101, 102])
    expect(values.filter((v) => v < 100)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect(values.indexOf(100)).toBeGreaterThan(40)
  })

  it('takes turns, and holds one value of each flow', async () => {
    const [a, b] = [counter(40), counter(40)]
    let taken = 0
    let most = 0
    for await (const value of mergeFlows(a.flow, b.flow)) {
      taken += value >= 0 ? 1 : 0
      most = Math.max(most, a.made() + b.made() - taken)
      expect(Math.abs(a.made() - b.made())).toBeLessThanOrEqual(2)
      await pause(0)
    }
    expect(taken).toBe(80)
    expect(most).toBeLessThanOrEqual(2)
    expect([a.open(), b.open()]).toEqual([0, 0])
  })

  const rejects = new Rejects([])
  it.each([
    { name: 'rejects', flows: [given('a', rejects), given('b')], after: rejects, before: ['a'] },
    {
      name: 'a barrier',
      flows: [given('a', b1, 'z'), given('b', 'c', b1)],
      after: b1,
      before: ['a', 'b', 'c'],
    },
    {
      name: 'a barrier that a flow ends without',
      flows: [given('a', b1), given('b')],
      after: b1,
      before: ['a', 'b'],
    },
  ])('passes $name once, in its place', async ({ flows, before, after }) => {
    const values = await pulled(mergeFlows(...flows))
    expect(values.filter((v) => v === after)).toEqual([after])
    expect(values.filter((v) => v instanceof Barrier)).toEqual(after === rejects ? [] : [after])
    const earlier = values.slice(0, values.indexOf(after))
    for (const value of before) expect(earlier).toContain(value)
    expect(earlier).not.toContain('z')
  })

  it('passes the least watermark', async () => {
    const w = [1, 2, 3].map((t) => new Watermark(t))
    const [w1, , w3] = w
    const merged = await pulled(
      mergeFlows(given<string>(...w), given<string>(w1 as Watermark, w3 as Watermark)),
    )
    const times = merged.map((v) => (v as Watermark).timeMs)
    expect(times).toEqual([...times].sort())
    expect(times[0]).toBe(1)
    expect(times.at(-1)).toBe(3)
  })

  it('keeps a position for each place of a flow that is given twice', async () => {
    const barrier = new Barrier(1)
    const run = new Run()
    const input = letters('a', 8)
    const twice = () => mergeFlows(input, flowOf(input.pipe(delayed())))
    const before: string[] = []
    const { signal } = new AbortController()
    for await (const value of twice().pull({ signal, run })) {
      if (value instanceof Barrier) break
      if (value instanceof RecordBatch) before.push(...idsOf(value))
      if (before.length === 4) run.request(barrier)
    }
    expect([...barrier.states.keys()].sort()).toEqual(['delayed@1', 'letters@0', 'letters@1'])
    const after = (await pulledIn(twice(), runFrom(barrier.states))).flatMap((value) =>
      value instanceof RecordBatch ? idsOf(value) : [],
    )
    const all = Array.from({ length: 8 }, (_, i) => `a${String(i)}`)
    expect([...before, ...after].sort()).toEqual([...all, ...all].sort())
  })

  it('ends all when one fails', async () => {
    const other = counter(1000)
    const waits = idle()
    await expect(collect(mergeFlows(waits, counter(9, 3).flow, other.flow))).rejects.toThrow(
      'source',
    )
    await pause(1)
    expect(other.open()).toBe(0)
  })

  it('ends early, though its flows are idle', async () => {
    const values = mergeFlows(idle(), idle())[Symbol.asyncIterator]()
    expect([(await values.next()).value, (await values.next()).value]).toEqual([1, 1])
    const waiting = values.next()
    await values.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
  })

  const of = (field: Field): Flow<string> => {
    const schema: Schema = new ArrowSchema([field])
    return new Flow(() => given<string>().pull({ signal: new AbortController().signal }), {
      name: 'typed',
      role: 'source',
      schema: () => schema,
    })
  }
  it('has the schema of its flows, which must be one', async () => {
    const text = new Field('id', new Utf8(), true)
    expect(String(await mergeFlows(of(text), of(text)).schema())).toBe(
      String(new ArrowSchema([text])),
    )
    const other = of(new Field('id', new Float64(), true))
    await expect(mergeFlows(of(text), other).schema()).rejects.toThrow(SchemaError)
  })

  it('needs a flow', () => {
    expect(() => mergeFlows()).toThrow(new OptionError('Expected at least one flow, got none'))
  })
})
