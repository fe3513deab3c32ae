import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RecordBatch } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { limit } from '../../../operators/limit.ts'
import { batchOf, int32Column } from '../../../src/batch/batch.ts'
import { schemaWith } from '../../../src/batch/schema.ts'
import { RejectLimitError } from '../../../src/errors.ts'
import { concatFlows } from '../../../src/flow/concat-flows.ts'
import { Barrier, Rejects } from '../../../src/flow/control.ts'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { type Flow, flowOf } from '../../../src/flow/flow.ts'
import { mergeFlows } from '../../../src/flow/merge-flows.ts'
import { operate } from '../../../src/flow/operate.ts'
import type { Doing } from '../../../src/flow/slot.ts'
import { source } from '../../../src/flow/source.ts'
import { readingsOf } from '../../../src/run/plan.ts'
import { run } from '../../../src/run/run.ts'
import { Run } from '../../../src/run/run-state.ts'
import { operateTable, TableFlow } from '../../../src/table/column-store.ts'
import { endless, letters, nothing, refuse, toKept } from '../../helpers/flows.ts'
import { turn } from '../../helpers/sources.ts'

/** Needs all rows, and says how many they are. */
const table = operateTable({
  name: 'table',
  schema: (input) => schemaWith(input, [int32Column('rows', []).field]),
  async *run(rows) {
    for await (const { numRows } of rows.read(['id']))
      yield batchOf([int32Column('rows', new Array<number>(numRows).fill(rows.numRows))])
  },
})

/** Takes its time to close. */
const slow = operate<RecordBatch, RecordBatch>({
  name: 'slow',
  start: () => ({
    *next(batch) {
      yield batch
    },
    close: () => new Promise((resolve) => setTimeout(resolve, 5)),
  }),
})

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shared-table-'))
})
afterEach(() => rm(folder, { recursive: true }))

const never = new AbortController().signal

function idsOf(batch: RecordBatch): readonly string[] {
  return [...(batch.getChild('id') ?? [])].map(String)
}

/** A gate that rows wait for. */
interface Gate {
  readonly opened: Promise<void>
  readonly open: () => void
}

function gate(): Gate {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

/** The rows `a0` and `a1`, then, when the gate opens, `a2`, of which `refuse('2')` makes a reject. */
function gated({ opened }: Gate, counts = { reads: 0 }): Flow<RecordBatch> {
  const rows = letters('a', 3)
  return source<RecordBatch, number>({
    name: 'gated',
    schema: async () => (await rows.schema()) as never,
    async *read(_context, from = 0) {
      counts.reads++
      let at = 0
      for await (const batch of rows) {
        if (at >= 2) await opened
        at += batch.numRows
        if (at > from) yield [batch, at]
      }
    },
  })
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve))
}

/** Reads the ids of `flow` in `state`; rejects and barriers by their type. */
async function read(flow: unknown, state: Run): Promise<string[]> {
  const out: string[] = []
  for await (const value of flowOf(flow as Flow<RecordBatch>).pull({ signal: never, run: state }))
    out.push(...(value instanceof RecordBatch ? idsOf(value) : [value.type]))
  return out
}

describe('a table that several flows read', () => {
  it('fails with what ended a reader, not with that it ended', async () => {
    const stage = letters('a', 400).pipe(refuse('1'), table)
    const job = {
      makes: stage.pipe(slow, toKept(nothing())),
      waits: stage.pipe(toKept(nothing())),
    }
    await expect(run(job, { maxRejectRatio: 0.01 })).rejects.toThrow(RejectLimitError)
  })

  it('is made for the others when the reader that asked first ends early', async () => {
    const { opened, open } = gate()
    const stage = flowOf(gated({ opened, open }).pipe(table))
    const kept = nothing()
    const first = nothing()
    const early = mergeFlows(stage, letters('b', 9)).pipe(limit(1), toKept(first))
    const flows = [flowOf(early), flowOf(stage.pipe(toKept(kept)))] as const
    const state = new Run({ spillDir: folder }, { readings: readingsOf(flows) })
    const all = read(flows[1], state).catch(String)
    await read(flows[0], state)
    open()
    await all
    expect([first.ids, kept.ids]).toEqual([['b0'], ['a0', 'a1', 'a2']])
    await state.close()
  })

  it('is made once for two readers of which one comes when the other has gone', async () => {
    const counts = { reads: 0 }
    const { opened, open } = gate()
    open()
    const stage = flowOf(gated({ opened, open }, counts).pipe(table))
    const kept = nothing()
    await run(concatFlows([stage, stage]).pipe(toKept(kept)))
    expect(kept.ids).toEqual(['a0', 'a1', 'a2', 'a0', 'a1', 'a2'])
    expect(counts.reads).toBe(1)
  })

  it('goes on while none reads, and gives its rejects to the reader that comes then', async () => {
    const shut = gate()
    const stage = flowOf(gated(shut).pipe(refuse('0'), table))
    const flows = [stage, stage]
    const state = new Run({ spillDir: folder }, { readings: readingsOf(flows) })
    const abort = new AbortController()
    const early = stage.pull({ signal: abort.signal, run: state })[Symbol.asyncIterator]()
    const asked = early.next()
    expect((await asked).value).toBeInstanceOf(Rejects)
    const waiting = early.next()
    abort.abort()
    await waiting.catch(() => undefined)
    shut.open()
    expect(await read(stage, state)).toEqual(['a1', 'a2'])
    await state.close()
  })

  it('has rejects that nobody has taken in its checkpoints', async () => {
    const shut = gate()
    const made = () => flowOf(gated(shut).pipe(refuse('2'), table))
    const stage = made()
    const kept = { id: 'r', folder }
    const state = new Run({}, { readings: new Map([[stage, 2]]) }, kept)
    const abort = new AbortController()
    const waiting = stage.pull({ signal: abort.signal, run: state })[Symbol.asyncIterator]().next()
    abort.abort()
    await waiting.catch(() => undefined)
    shut.open()
    await until(() => state.slots.get('table messages')?.ended !== undefined)
    const barrier = new Barrier(1)
    state.request(barrier)
    expect(await read(stage, state)).toEqual(['barrier', 'rejects', 'a0', 'a1'])
    const restored = new Map(barrier.states)
    for (const [key, { ended }] of state.slots)
      if (ended && !restored.has(key)) restored.set(key, ended)
    const again = new Run({}, {}, { ...kept, restored })
    expect(await read(made(), again)).toEqual(['rejects', 'a0', 'a1'])
  })

  it('is not read by readers that have ended, and keeps the branch below it for one that has not', async () => {
    const [rows, others] = fanOut(2)(letters('a', 3))
    const stage = flowOf(rows.pipe(table))
    const flows = [stage, flowOf(stage.pipe(table)), others] as const
    const state = new Run({ spillDir: folder }, { readings: readingsOf(flows) })
    const context = { signal: never, run: state }
    stage.info.release?.(context)
    const out = await Promise.all([read(flows[1], state), read(others, state)])
    expect(out).toEqual([
      ['a0', 'a1', 'a2'],
      ['a0', 'a1', 'a2'],
    ])
    await state.close()
  })

  it('releases the branch below it when no reader will come', async () => {
    const [rows, others] = fanOut(2)(letters('a', 3))
    const stage = flowOf(rows.pipe(table))
    expect(stage).toBeInstanceOf(TableFlow)
    const state = new Run({ spillDir: folder }, { readings: new Map([[stage, 2]]) })
    const context = { signal: never, run: state }
    stage.info.release?.(context)
    stage.info.release?.(context)
    expect(await read(others, state)).toEqual(['a0', 'a1', 'a2'])
    await state.close()
  })

  it('ends with the run, if a reader of the plan never comes', async () => {
    const stage = flowOf(flowOf(endless()).pipe(table))
    const state = new Run({ spillDir: folder }, { readings: new Map([[stage, 2]]) })
    const abort = new AbortController()
    const waiting = stage.pull({ signal: abort.signal, run: state })[Symbol.asyncIterator]().next()
    const reads = (doing: Doing) => state.slots.get('endless@table')?.doing === doing
    await until(() => reads('reads'))
    abort.abort()
    await waiting.catch(() => undefined)
    await turn()
    expect(reads('reads')).toBe(true)
    await state.close()
    await until(() => reads('idle'))
  })
})
