import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RecordBatch } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Barrier, Control, type Reject, Rejects } from '../../../src/flow/control.ts'
import type { Saved } from '../../../src/flow/saved.ts'
import { RejectLog, type RejectLogOptions, rejectSchema } from '../../../src/run/reject-log.ts'
import { Run } from '../../../src/run/run-state.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reject-log-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

interface Setup extends Partial<RejectLogOptions> {
  readonly durable?: boolean
  readonly restored?: ReadonlyMap<string, Saved>
}

function logOf({ durable = true, restored, ...options }: Setup = {}): RejectLog {
  const kept = { id: 'run1', folder, ...(restored && { restored: structuredClone(restored) }) }
  const run = new Run({ spillDir: folder }, {}, durable ? kept : undefined)
  const given = { flows: ['x', 'y'], ordered: true, maxRatio: 0.5, rowsRead: () => 0 }
  return new RejectLog({ ...given, ...options }, run)
}

const reject = (id: string): Reject => ({
  ...{ id, operator: 'decode', code: 'DAMAGED', message: 'é "\n', attempt: 1 },
})
const rejects = (...ids: string[]): Rejects => new Rejects(ids.map(reject))

/** Reads on in the log; the ids of a batch, or the number of a barrier. */
function reader(log: RejectLog): () => Promise<unknown> {
  const values = log.flow.pull({ signal: new AbortController().signal })[Symbol.asyncIterator]()
  return async () => {
    const result = await values.next()
    if (result.done) return 'end'
    const { value } = result
    if (value instanceof Barrier) return value.checkpoint
    return ((value as RecordBatch).getChild('id')?.toJSON() ?? []).map(String)
  }
}

/** A checkpoint at which the barrier has come to the ends of all flows. */
async function checkpointOf(log: RejectLog, number: number): Promise<Barrier> {
  const barrier = new Barrier(number)
  for (const flow of [0, 1]) await log.save(barrier.states, flow)
  return barrier
}

describe('RejectLog', () => {
  it('gives the rejects of the first flow, then of the second, when all have ended', async () => {
    for (const durable of [true, false]) {
      const log = logOf({ durable })
      const next = reader(log)
      expect(await next()).toEqual([])
      await log.take(rejects('y1'), 1)
      await log.take(rejects('x1', 'x2'), 0)
      await log.take(rejects('y2'), 1)
      log.close()
      expect([await next(), await next(), await next()]).toEqual([
        ['x1', 'x2'],
        ['y1', 'y2'],
        'end',
      ])
      expect(log.count).toBe(4)
      await log.end()
    }
  })

  it('keeps every letter of them', async () => {
    const log = logOf()
    await log.take(rejects('x1'), 0)
    log.close()
    const batches: RecordBatch[] = []
    for await (const batch of log.flow) batches.push(batch)
    expect(batches[1]?.toArray().map((row) => row.toJSON())).toEqual([reject('x1')])
    expect(await log.flow.schema()).toBe(rejectSchema)
    await log.end()
  })

  it('gives those of flows that do not end as they arrive, without checkpoints', async () => {
    const log = logOf({ durable: false, ordered: false })
    expect(log.flow.bounded).toBe(false)
    const next = reader(log)
    expect(await next()).toEqual([])
    for (const id of ['y1', 'x1', 'y2']) {
      await log.take(rejects(id), id.startsWith('x') ? 0 : 1)
      expect(await next()).toEqual([id])
    }
    log.close()
    expect(await next()).toBe('end')
    await log.end()
  })

  it('gives those of a checkpoint with it, and what came after with the next', async () => {
    const log = logOf({ ordered: false })
    const next = reader(log)
    expect(await next()).toEqual([])
    await log.take(rejects('x1'), 0)
    const first = new Barrier(1)
    await log.save(first.states, 0)
    await log.take(rejects('x2'), 0)
    await log.take(rejects('y1'), 1)
    await log.save(first.states, 1)
    await log.pass(first)
    expect([await next(), await next(), await next()]).toEqual([['x1'], ['y1'], 1])
    const second = await checkpointOf(log, 2)
    await log.pass(second)
    expect([await next(), await next()]).toEqual([['x2'], 2])
    await log.end()
  })

  it('goes on behind a checkpoint: what the sink had comes no more, what was cut off comes again', async () => {
    const log = logOf({ ordered: false })
    const next = reader(log)
    await next()
    await log.take(rejects('x1', 'x2'), 0)
    const barrier = await checkpointOf(log, 1)
    await log.pass(barrier)
    expect([await next(), await next()]).toEqual([['x1', 'x2'], 1])
    await log.take(rejects('lost'), 0)
    await log.end()
    const resumed = logOf({ ordered: false, restored: barrier.states })
    expect(resumed.count).toBe(2)
    const again = reader(resumed)
    expect(await again()).toEqual([])
    await resumed.take(rejects('x3'), 0)
    await resumed.pass(await checkpointOf(resumed, 2))
    expect([await again(), await again()]).toEqual([['x3'], 2])
    await resumed.end()
    const file = await readFile(join(folder, 'rejects-1.jsonl'), 'utf8')
    expect(file).not.toContain('lost')
  })

  it('doubles nothing if a checkpoint falls into the reading at the end', async () => {
    const log = logOf()
    const next = reader(log)
    await next()
    await log.take(rejects('x1'), 0)
    log.close()
    const barrier = await checkpointOf(log, 1)
    await log.pass(barrier)
    expect([await next(), await next(), await next()]).toEqual([['x1'], 1, 'end'])
    await log.end()
    for (const closed of [true, false]) {
      const resumed = logOf({ restored: barrier.states })
      if (closed) resumed.close()
      const again = reader(resumed)
      const first = await again()
      const second = again()
      resumed.close()
      expect([first, await second]).toEqual([[], 'end'])
      await resumed.end()
    }
  })

  it('lets a barrier through, at whichever moment it comes', async () => {
    for (let turns = 0; turns < 16; turns++) {
      const log = logOf({ ordered: false })
      const next = reader(log)
      await next()
      void log.pass(new Barrier(1))
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const late = new Promise((resolve) => setTimeout(resolve, 5, 'lost'))
      expect(await Promise.race([next(), late])).toBe(1)
      await log.end()
    }
  })

  it('counts a message that comes down two branches once', async () => {
    const log = logOf()
    const both = rejects('x1', 'x2')
    await log.take(both, 0)
    await log.take(both, 1)
    expect(log.count).toBe(2)
    await log.end()
  })

  it('holds the cap on their ratio across a resume', async () => {
    const ids = Array.from({ length: 60 }, (_, i) => `x${String(i)}`)
    const log = logOf({ rowsRead: () => 150 })
    await log.take(rejects(...ids), 0)
    const barrier = await checkpointOf(log, 1)
    await log.end()
    const resumed = logOf({ restored: barrier.states, rowsRead: () => 151 })
    await resumed.take(rejects(...ids.slice(0, 15)), 0)
    await expect(resumed.take(rejects('last'), 1)).rejects.toMatchObject({
      ...{ code: 'REJECTS', message: expect.stringContaining('got 76 of 151; the last') as string },
    })
    await resumed.end()
  })

  it('has its count in the checkpoint at the end', async () => {
    const log = logOf()
    await log.take(rejects('x1', 'x2'), 0)
    await log.take(rejects('y1'), 1)
    const states = new Map<string, Saved>()
    await log.saveAll(states)
    expect(logOf({ restored: states }).count).toBe(3)
    await log.end()
  })

  it('stops when its reader wants no more', async () => {
    const log = logOf()
    const stop = new AbortController()
    const values: (RecordBatch | Control)[] = []
    setImmediate(() => {
      stop.abort()
    })
    for await (const value of log.flow.pull({ signal: stop.signal })) values.push(value)
    expect(values).toHaveLength(1)
    expect(values[0]).toBeInstanceOf(RecordBatch)
    await log.end()
  })
})
