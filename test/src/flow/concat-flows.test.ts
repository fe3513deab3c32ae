import { lastValueFrom, take, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { int32Column, batchOf, textColumn } from '../../../src/batch/batch.ts'
import { concatFlows } from '../../../src/flow/concat-flows.ts'
import { Barrier, type Control } from '../../../src/flow/control.ts'
import { OptionError } from '../../../src/errors.ts'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { partsOf } from '../../../src/run/plan.ts'
import { Run } from '../../../src/run/run-state.ts'
import { source } from '../../../src/flow/source.ts'
import { pulled, runFrom } from '../../helpers/runs.ts'

describe('concatFlows', () => {
  it('reads one after another, and opens nothing before its turn', async () => {
    const opened: string[] = []
    function part(name: string): Flow<string> {
      return new Flow(async function* () {
        opened.push(name)
        yield await Promise.resolve(`${name}1`)
        yield `${name}2`
      })
    }
    const seen: string[] = []
    for await (const value of concatFlows([part('a'), part('b')])) {
      seen.push(value)
      if (value === 'a2') expect(opened).toEqual(['a'])
    }
    expect(seen).toEqual(['a1', 'a2', 'b1', 'b2'])
  })

  it('goes on with the flow whose turn it was', async () => {
    const numbers = (...values: number[]): Flow<number> =>
      source<number, number>({
        name: 'numbers',
        async *read(_context, from = 0) {
          for (let i = from; i < values.length; i++)
            yield await Promise.resolve([values[i] ?? 0, i + 1] as const)
        },
      })
    const flows = () => concatFlows([numbers(1, 2), numbers(3, 4, 5)])
    /** As a run does: numbers the parts in the order of the plan. */
    const numbered = (run: Run, flow: Flow<number>): Flow<number> => {
      for (const part of partsOf([flow])) run.key(part, part.info.name)
      return flow
    }
    const run = new Run()
    const barrier = new Barrier(1)
    const before: (number | Control)[] = []
    for await (const value of numbered(run, flows()).pull({
      signal: new AbortController().signal,
      run,
    })) {
      before.push(value)
      if (value === 3) run.request(barrier)
      if (value === barrier) break
    }
    expect(before).toEqual([1, 2, 3, barrier])
    const rest = runFrom(barrier.states)
    const after: unknown[] = []
    const resumed = numbered(rest, flows())
    for await (const value of resumed.pull({ signal: new AbortController().signal, run: rest }))
      after.push(value)
    expect(after).toEqual([4, 5])
  })

  it('passes a barrier once, though each source whose turn comes while it is due sends it', async () => {
    const flow = (value: number): Flow<number> =>
      source<number, number>({
        name: 'one',
        async *read() {
          yield await Promise.resolve([value, 1] as const)
        },
      })
    const run = new Run()
    const barrier = new Barrier(1)
    run.request(barrier)
    const all = await pulled(concatFlows([flow(1), flow(2)]), run)
    expect(all).toEqual([barrier, 1, 2])
    expect(barrier.states.get('concatFlows')?.state).toBe(0)
  })

  it('keeps no other branch waiting for one whose turn does not come', async () => {
    const [one, two] = fanOut(2)(flowOf([1, 2, 3]))
    const cut = lastValueFrom(concatFlows([flowOf([7, 8]), one]).pipe(take(1), toArray()))
    expect(await Promise.all([cut, lastValueFrom(two.pipe(toArray()))])).toEqual([[7], [1, 2, 3]])
  })

  it('refuses different columns, and an empty list', async () => {
    const a = flowOf([batchOf([textColumn('id', ['x'])])])
    const b = flowOf([batchOf([int32Column('id', [1])])])
    const schemas = {
      a: await lastValueFrom(a.pipe(toArray())),
      b: await lastValueFrom(b.pipe(toArray())),
    }
    const known = (name: 'a' | 'b') => {
      const [first] = schemas[name]
      return new Flow(async function* () {}, {
        name,
        role: 'source',
        schema: () => first?.schema ?? Promise.reject(new Error('no batch')),
      })
    }
    await expect(concatFlows([known('a'), known('b')]).schema()).rejects.toThrow(
      'Expected the inputs of concatFlows to have the same columns, got id: Utf8 and id: Int32',
    )
    expect(() => concatFlows([])).toThrow(OptionError)
  })
})
