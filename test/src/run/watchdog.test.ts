import type { RecordBatch } from 'apache-arrow'
import { concatMap } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { Deferred } from '../../../src/flow/deferred.ts'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { type Flow, flowOf } from '../../../src/flow/flow.ts'
import { operate } from '../../../src/flow/operate.ts'
import { sink } from '../../../src/flow/sink.ts'
import { source } from '../../../src/flow/source.ts'
import { run } from '../../../src/run/run.ts'
import { Run } from '../../../src/run/run-state.ts'
import { type Stall, stallText, Watchdog } from '../../../src/run/watchdog.ts'
import { operateTable } from '../../../src/table/column-store.ts'
import { rowTask } from '../../../src/tasks/row-tasks.ts'
import { letters, nothing, toKept } from '../../helpers/flows.ts'
import { pulled } from '../../helpers/runs.ts'
import { pause, turn } from '../../helpers/sources.ts'

/** Comes to a stop at its first call, until it is let go. */
class Stop {
  readonly come = new Deferred()
  readonly go = new Deferred()
  async here(): Promise<void> {
    this.come.resolve()
    await this.go.promise
  }
}

function passing(name: string, stop?: Stop, concurrency = 1) {
  return operate<RecordBatch, RecordBatch>({
    name,
    concurrency,
    start: () => ({
      async *next(batch) {
        await stop?.here()
        yield batch
      },
    }),
  })
}

function flushing(name: string, stop: Stop) {
  return operate<RecordBatch, RecordBatch>({
    name,
    start: () => ({
      *next(batch) {
        yield batch
      },
      async *flush() {
        await stop.here()
        yield* []
      },
    }),
  })
}

function hungSource(stop: Stop, bounded = true): Flow<RecordBatch> {
  return source<RecordBatch, number>({
    name: 'hung-source',
    bounded,
    async *read() {
      yield [batchOf([textColumn('id', ['a'])]), 1]
      await stop.here()
    },
  })
}

function slowSink(at: 'open' | 'write' | 'finish', stop: Stop) {
  async function when(called: string): Promise<void> {
    if (called === at) await stop.here()
  }
  return sink({
    name: 'slow-sink',
    guarantee: 'at-least-once',
    async open() {
      await when('open')
      return {
        write: () => when('write'),
        async finish() {
          await when('finish')
          const summary = { sink: 'slow-sink', location: '', rows: 8, bytes: 0, files: 0 }
          return { summary }
        },
        abort: () => undefined,
      }
    },
  })
}

const kept = () => toKept(nothing())

/** Reads the flows of a run until one comes to a stop; answers with the stalls that are told at these times. */
async function stallsAt(
  flows: readonly Flow<unknown>[],
  stop: Stop,
  times: readonly number[],
  writing?: string,
): Promise<Stall[]> {
  const state = new Run()
  state.writing = writing
  const stalls: Stall[] = []
  const dog = new Watchdog(state, flows, { stallMs: 60_000, onStall: (s) => stalls.push(s) })
  const ends = flows.map((flow) => pulled(flow, state))
  await stop.come.promise
  // The others go on until they wait for it.
  for (let turns = 0; turns < 10; turns++) await turn()
  for (const time of times) dog.look(time)
  stop.go.resolve()
  await Promise.all(ends)
  return stalls
}

const minute = [0, 60_000]

describe('Watchdog', () => {
  const cases: readonly {
    readonly name: string
    readonly line: (stop: Stop) => Flow<unknown>
    readonly expected?: Omit<Stall, 'seconds'>
  }[] = [
    {
      name: 'the hung one of three operators',
      line: (stop) =>
        flowOf(
          letters('a', 8).pipe(passing('one'), passing('two', stop), passing('three'), kept()),
        ),
      expected: { operator: 'two', doing: 'works' },
    },
    {
      name: 'one that works on several values at a time',
      line: (stop) => flowOf(letters('a', 8).pipe(passing('one'), passing('two', stop, 3), kept())),
      expected: { operator: 'two', doing: 'works' },
    },
    {
      name: 'the one nearest to the sinks of several at work',
      line: (stop) => flowOf(letters('a', 8).pipe(passing('one', stop, 2), slowSink('open', stop))),
      expected: { operator: 'slow-sink', doing: 'opens' },
    },
    {
      name: 'an operator at its end',
      line: (stop) => flowOf(letters('a', 8).pipe(flushing('last', stop), kept())),
      expected: { operator: 'last', doing: 'works' },
    },
    {
      name: 'the second of two of a name',
      line: (stop) => flowOf(letters('a', 8).pipe(passing('same'), passing('same', stop), kept())),
      expected: { operator: 'same#2', doing: 'works' },
    },
    {
      name: 'a source that gives nothing',
      line: (stop) => flowOf(hungSource(stop).pipe(passing('one'), kept())),
      expected: { operator: 'hung-source', doing: 'reads' },
    },
    {
      name: 'nobody, if the source does not end by itself and has nothing',
      line: (stop) => flowOf(hungSource(stop, false).pipe(passing('one'), kept())),
    },
    {
      name: 'a sink that writes',
      line: (stop) => flowOf(letters('a', 8).pipe(passing('one'), slowSink('write', stop))),
      expected: { operator: 'slow-sink', doing: 'writes' },
    },
    {
      name: 'a sink at its end',
      line: (stop) => flowOf(letters('a', 8).pipe(passing('one'), slowSink('finish', stop))),
      expected: { operator: 'slow-sink', doing: 'finishes' },
    },
  ]

  it.each(cases)('names $name', async ({ line, expected }) => {
    const stop = new Stop()
    const stalls = await stallsAt([line(stop)], stop, minute)
    expect(stalls).toEqual(expected ? [{ ...expected, seconds: 60 }] : [])
  })

  it('names the operator of the branch that lags behind a fan-out', async () => {
    const stop = new Stop()
    const [fast, slow] = fanOut(2)(letters('a', 400).pipe(passing('shared')))
    const flows = [
      flowOf(fast.pipe(passing('quick'), kept())),
      flowOf(slow.pipe(passing('lags', stop), kept())),
    ]
    expect(await stallsAt(flows, stop, minute)).toEqual([
      { operator: 'lags', doing: 'works', seconds: 60 },
    ])
  })

  it('names what reads a value that was given, if that has no slot', async () => {
    const stop = new Stop()
    const foreign = concatMap(async (batch: RecordBatch) => {
      await stop.here()
      return batch
    })
    const flow = flowOf(letters('a', 4).pipe(foreign, passing('one'), kept()))
    expect(await stallsAt([flow], stop, minute)).toEqual([
      { operator: 'rxjs', doing: 'works', seconds: 60 },
    ])
  })

  it('names the checkpoint that is being written, when all wait', async () => {
    const stop = new Stop()
    const flow = flowOf(hungSource(stop).pipe(kept()))
    expect(await stallsAt([flow], stop, minute, 'checkpoint 12')).toEqual([
      { operator: 'checkpoint 12', doing: 'commits', seconds: 60 },
    ])
  })

  it('tells once, and again after each further time', async () => {
    const stop = new Stop()
    const flow = flowOf(letters('a', 8).pipe(passing('one', stop), kept()))
    const times = [0, 59_999, 60_000, 75_000, 119_999, 120_000, 135_000]
    const stalls = await stallsAt([flow], stop, times)
    expect(stalls.map(({ seconds }) => seconds)).toEqual([60, 120])
  })

  it('takes a long fit for no stall while it reads, and names it when it does not', async () => {
    const state = new Run()
    const stalls: Stall[] = []
    let now = 0
    let moving: readonly Stall[] | undefined
    const fit = operateTable({
      name: 'fit',
      schema: (input) => input,
      async *run(table) {
        const steps = 5
        dog.look(now)
        for (let pass = 0; pass < steps; pass++)
          for await (const batch of table.read()) dog.look((now += 59_000 + batch.numRows))
        moving = [...stalls]
        dog.look((now += 60_000))
        yield* table.read()
      },
    })
    const flow = flowOf(letters('a', 8).pipe(fit, kept()))
    const dog = new Watchdog(state, [flow], { stallMs: 60_000, onStall: (s) => stalls.push(s) })
    await pulled(flow, state)
    expect([moving, stalls]).toEqual([[], [{ operator: 'fit', doing: 'works', seconds: 60 }]])
    await state.close()
  })
})

describe('stallText', () => {
  it.each([
    [{ operator: 'infer', doing: 'works' }, '`infer` has rows in work and does not answer'],
    [{ operator: 'files', doing: 'reads' }, '`files` has been asked for rows and gives none'],
    [{ operator: 'checkpoint 12', doing: 'commits' }, 'writing checkpoint 12'],
  ] as const)('says %j', (stall, text) => {
    expect(stallText({ ...stall, seconds: 60.4 })).toBe(`no row has moved for 60 s: ${text}`)
  })
})

describe('run with `stallMs`', () => {
  it('tells what holds it up, and goes on', async () => {
    const stop = new Stop()
    const notes: string[] = []
    const stalls: Stall[] = []
    const memory = nothing()
    await run(letters('a', 4).pipe(passing('one', stop), toKept(memory)), {
      stallMs: 5,
      onNote: (line) => notes.push(line),
      onStall(stall) {
        stalls.push(stall)
        if (stall.operator === 'one') stop.go.resolve()
      },
    })
    expect(stalls.at(-1)).toMatchObject({ operator: 'one', doing: 'works' })
    expect(notes).toEqual(stalls.map(stallText))
    expect(memory.ids).toEqual(['a0', 'a1', 'a2', 'a3'])
  })

  it('names row tasks that share their threads together', async () => {
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const code = `export const start = ({ gate }) => ({ run: () => (Atomics.wait(gate, 0, 0), {}) })`
    const task = (name: string) =>
      rowTask({
        name,
        task: `data:text/javascript,${encodeURIComponent(code)}`,
        options: { gate },
        ...{ reads: ['id'], makes: [], fields: () => [], onError: 'fail' },
      })
    const stalls: Stall[] = []
    await run(letters('a', 4).pipe(task('first'), task('second'), kept()), {
      stallMs: 5,
      threads: 1,
      onStall(stall) {
        stalls.push(stall)
        if (!stall.operator.includes('second')) return
        Atomics.store(gate, 0, 1)
        Atomics.notify(gate, 0)
      },
    })
    expect(stalls).toContainEqual(
      expect.objectContaining({ operator: 'first + second', doing: 'works' }),
    )
  })

  it('says nothing if it is 0', async () => {
    const stop = new Stop()
    const stalls: Stall[] = []
    const job = letters('a', 4).pipe(passing('one', stop), kept())
    const running = run(job, { stallMs: 0, onStall: (stall) => stalls.push(stall) })
    await stop.come.promise
    await pause(3)
    stop.go.resolve()
    await running
    expect(stalls).toEqual([])
  })

  it.each([-1, NaN, 2 ** 31])('refuses %d', async (stallMs) => {
    await expect(run(letters('a', 4), { stallMs })).rejects.toThrow(
      'Expected option `stallMs` to be a number from 0 to 2147483647',
    )
  })
})
