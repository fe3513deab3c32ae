import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import { type Data, type Field, RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { batchOf, column, float64Column, textColumn } from '../../../src/batch/batch.ts'
import { schemaWith } from '../../../src/batch/schema.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { nodeDisk } from '../../../src/disk.ts'
import { ConnectorError, WorkerError } from '../../../src/errors.ts'
import { Barrier, type Control, Rejects } from '../../../src/flow/control.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import type { Saved } from '../../../src/flow/saved.ts'
import { source } from '../../../src/flow/source.ts'
import { Run } from '../../../src/run/run-state.ts'
import { ColumnFile } from '../../../src/table/column-file.ts'
import { operateTable, type StoredTable } from '../../../src/table/column-store.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'table-checkpoints-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const never = new AbortController().signal
const reject = { id: 'r', operator: 'o', code: 'C', message: 'm', attempt: 1 }

/** A run with checkpoints that goes on from `states`. */
function resumed(states: ReadonlyMap<string, Saved> = new Map(), settings: object = {}): Run {
  return new Run(settings, {}, { id: 'test', folder, restored: structuredClone(states) })
}

/** What a checkpoint has when `barrier` has come through. */
function checkpointOf(run: Run, barrier?: Barrier): Map<string, Saved> {
  const states = new Map<string, Saved>()
  for (const [key, { ended }] of run.slots) if (ended) states.set(key, ended)
  for (const [key, saved] of barrier?.states ?? []) states.set(key, saved)
  return states
}

const numbers = (from: number, to: number): RecordBatch => {
  const values = Array.from({ length: to - from }, (_, i) => from + i)
  return batchOf([
    textColumn('id', values.map(String)),
    float64Column('x', Float64Array.from(values)),
  ])
}

/** Counts how often it is read. */
interface Reads {
  count: number
}

/** Rows 0 to `rows` in batches of `size`, behind each a barrier of its own if `barriers` are asked for, from the row that the run restores. */
function rowsWithBarriers(
  { rows, size, reads = { count: 0 } }: { rows: number; size: number; reads?: Reads },
  barriers?: Barrier[],
): Flow<RecordBatch> {
  return source<RecordBatch, number>({
    name: 'rows',
    schema: () => numbers(0, 0).schema,
    async *read({ run }, from = 0) {
      reads.count++
      for (let row = from; row < rows; row += size) {
        if (barriers && row > from) {
          const barrier = new Barrier(barriers.length + 1)
          barriers.push(barrier)
          run?.request(barrier)
        }
        yield await Promise.resolve([numbers(row, Math.min(rows, row + size)), row + size] as const)
      }
    },
  })
}

interface SumsOptions {
  readonly name?: string
  readonly into?: string
  readonly of?: string
  /** Called with each table. */
  readonly seen?: (table: StoredTable) => void
  /** Whether it fails when it has answered for one batch. */
  readonly fails?: () => boolean
}

/** Adds a column that is another summed up so far: it has to see all rows in order. */
function sums({
  name = 'sums',
  into = 'sum',
  of = 'x',
  seen,
  fails,
}: SumsOptions = {}): OperatorFunction<RecordBatch, RecordBatch> {
  return operateTable({
    name,
    schema: (input) => schemaWith(input, [float64Column(into, new Float64Array()).field]),
    async *run(table) {
      seen?.(table)
      let sum = 0
      for await (const batch of table.read([of])) {
        const values = column(batch, of).toArray() as Float64Array
        yield batchOf([
          float64Column(
            into,
            values.map((x) => (sum += x)),
          ),
        ])
        if (fails?.()) throw new Error('the power is gone')
      }
    },
  })
}

async function pulled(flow: unknown, run: Run, signal = never): Promise<(RecordBatch | Control)[]> {
  const out: (RecordBatch | Control)[] = []
  for await (const value of flowOf(flow as Flow<RecordBatch>).pull({ signal, run })) out.push(value)
  return out
}

const batchesOf = (values: readonly unknown[]): RecordBatch[] =>
  values.filter((value) => value instanceof RecordBatch)
const sizesOf = (values: readonly unknown[]): number[] => batchesOf(values).map((b) => b.numRows)
const valuesOf = (values: readonly unknown[], name: string): unknown[] =>
  batchesOf(values).flatMap((batch) => [...column(batch, name)] as unknown[])
const sumsTo = (rows: number): number[] => Array.from({ length: rows }, (_, i) => (i * (i + 1)) / 2)

describe('a table at checkpoints', () => {
  it('goes on from each barrier while it drains, with the same rows in the same blocks', async () => {
    const barriers: Barrier[] = []
    const whole = await pulled(
      rowsWithBarriers({ rows: 9_000, size: 700 }, barriers).pipe(sums()),
      resumed(),
    )
    expect(barriers).toHaveLength(12)
    expect(sizesOf(whole)).toEqual([4096, 4096, 808])
    expect(valuesOf(whole, 'sum')).toEqual(sumsTo(9_000))
    // From the last to the first: each finds the files as later ones left them, and cuts them back.
    for (const barrier of barriers.toReversed().filter((_, i) => i % 3 === 0)) {
      const out = await pulled(
        rowsWithBarriers({ rows: 9_000, size: 700 }).pipe(sums()),
        resumed(barrier.states),
      )
      expect(sizesOf(out)).toEqual([4096, 4096, 808])
      expect(valuesOf(out, 'sum')).toEqual(sumsTo(9_000))
      expect(valuesOf(out, 'id')).toEqual(valuesOf(whole, 'id'))
    }
  })

  it('gives all rows again after a barrier that passed while it drained, though all had come before the commit', async () => {
    const chain = (barriers?: Barrier[]) =>
      rowsWithBarriers({ rows: 9, size: 5 }, barriers).pipe(
        sums(),
        sums({ name: 'again', into: 'twice', of: 'sum' }),
      )
    const barriers: Barrier[] = []
    const run = resumed()
    const whole = await pulled(chain(barriers), run)
    expect(barriers).toHaveLength(1)
    const states = checkpointOf(run, barriers[0])
    expect([...states].filter(([, { ended }]) => ended)).toEqual([])
    const out = await pulled(chain(), resumed(states))
    expect(valuesOf(out, 'twice')).toEqual(valuesOf(whole, 'twice'))
    expect(valuesOf(out, 'sum')).toEqual(sumsTo(9))
  })

  it('keeps the size of its blocks when it goes on with more memory', async () => {
    const { schema, data } = numbers(0, 100)
    const place = { disk: nodeDisk, pathOf: (name: string) => join(folder, name) }
    const x = new ColumnFile(schema.fields[1] as Field, 'x.arrow', place)
    const values = data.children[1] as Data
    const writer = await x.write(undefined, 240)
    await writer.push(values.slice(0, 50))
    const state = structuredClone(await writer.save())
    await writer.close()
    const rest = await x.write(state, 8_000)
    await rest.push(values.slice(50, 50))
    await rest.finish(true)
    expect([0, 59, 60, 95].map((row) => x.read().endOf(row))).toEqual([30, 60, 90, 100])
  })

  it('writes a row once, and puts no rows into the state', async () => {
    const width = 1_792
    const barriers: Barrier[] = []
    const run = resumed()
    const wide = source<RecordBatch, number>({
      name: 'wide',
      async *read() {
        for (let row = 0; row < 400; row += 100) {
          const values = new Float32Array(100 * width).fill(row)
          yield await Promise.resolve([
            batchOf([tensorColumn('embedding', [width], values)]),
            row,
          ] as const)
          barriers.push(new Barrier(barriers.length + 1))
          run.request(barriers.at(-1) as Barrier)
        }
      },
    })
    let bytes = 0
    const stage = wide.pipe(
      operateTable({
        name: 'stage',
        schema: (input) => input,
        async *run(table) {
          bytes = table.bytes
          yield* table.read()
        },
      }),
    )
    expect(sizesOf(await pulled(stage, run))).toEqual([400])
    expect(barriers).toHaveLength(4)
    for (const { states } of barriers)
      expect(serialize(states.get('stage')).length).toBeLessThan(2_000)
    expect(bytes).toBeGreaterThan(400 * width * 4)
    expect(bytes).toBeLessThan(400 * width * 4 + 4_000)
  })

  it.runIf(existsSync('/proc/self/fd'))(
    'opens and leaves no more files after many checkpoints than after none',
    async () => {
      const count = async (size: number): Promise<{ handles: number; files: number }> => {
        const before = readdirSync('/proc/self/fd').length
        let handles = 0
        const seen = (): void => void (handles = readdirSync('/proc/self/fd').length - before)
        const flow = rowsWithBarriers({ rows: 600, size }, []).pipe(sums({ seen }))
        await pulled(flow, resumed())
        return { handles, files: (await readdir(folder, { recursive: true })).length }
      }
      const once = await count(600)
      expect(await count(2)).toEqual(once)
    },
  )

  it('lets rejects out once, before the barrier that follows them', async () => {
    const barrier = new Barrier(1)
    const flow = new Flow<RecordBatch>(async function* () {
      yield await Promise.resolve(numbers(0, 2))
      yield new Rejects([reject])
      yield barrier
      yield numbers(2, 3)
    })
    const first = await pulled(flow.pipe(sums()), resumed())
    expect(first.map((value) => value.constructor.name)).toEqual([
      'Rejects',
      'Barrier',
      'RecordBatch',
    ])
    const rest = new Flow<RecordBatch>(async function* () {
      yield await Promise.resolve(numbers(2, 3))
    })
    const out = await pulled(rest.pipe(sums()), resumed(barrier.states))
    expect(out).toHaveLength(1)
    expect(valuesOf(out, 'sum')).toEqual([0, 1, 3])
  })

  it('reads nothing upstream again when a stage has ended, and makes the next one from its start', async () => {
    const reads: Reads = { count: 0 }
    let dying = true
    const tables: StoredTable[] = []
    const seen = (table: StoredTable): void => void tables.push(table)
    const chain = () =>
      rowsWithBarriers({ rows: 9_000, size: 1_000, reads }).pipe(
        sums({ name: 'a', into: 'a', seen }),
        sums({ name: 'b', into: 'b', of: 'a', fails: () => dying }),
        sums({ name: 'c', into: 'c', of: 'b' }),
      )
    const run = resumed()
    await expect(pulled(chain(), run)).rejects.toThrow('the power is gone')
    const states = checkpointOf(run)
    expect([...states].filter(([, { ended }]) => ended).map(([key]) => key)).toEqual([
      'a messages',
      'a',
      'rows@a',
    ])
    const left = await readdir(folder, { recursive: true })
    dying = false
    const next = resumed(states)
    const out = await pulled(chain(), next)
    expect(reads.count).toBe(1)
    expect(tables).toHaveLength(1)
    expect(batchesOf(out)[0]?.schema.names).toEqual(['id', 'x', 'a', 'b', 'c'])
    expect(valuesOf(out, 'a')).toEqual(sumsTo(9_000))
    let sum = 0
    expect(valuesOf(out, 'b')).toEqual(sumsTo(9_000).map((a) => (sum += a)))
    // What the attempt before left of `b` has been replaced: only `c` is new.
    expect(await readdir(folder, { recursive: true })).toHaveLength(left.length + 2)
    expect(next.slots.get('a')?.counts).toMatchObject({ rowsIn: 9_000, rowsKept: 9_000 })
  })

  it('reads out from the row that was restored', async () => {
    const flow = () => rowsWithBarriers({ rows: 9_000, size: 3_000 }).pipe(sums())
    const run = resumed()
    const barrier = new Barrier(1)
    const before: RecordBatch[] = []
    for await (const value of flowOf(flow()).pull({ signal: never, run })) {
      if (value === barrier) break
      if (!(value instanceof RecordBatch)) continue
      before.push(value)
      run.request(barrier)
    }
    expect(sizesOf(before)).toEqual([4096])
    const states = checkpointOf(run, barrier)
    const out = await pulled(flow(), resumed(states))
    expect(sizesOf(out)).toEqual([4096, 808])
    expect(valuesOf([...before, ...out], 'sum')).toEqual(sumsTo(9_000))
    const end = resumed(states)
    await pulled(flow(), end)
    expect(await pulled(flow(), resumed(checkpointOf(end)))).toEqual([])
  })

  it('knows a stage without rows again', async () => {
    const reads: Reads = { count: 0 }
    const flow = () =>
      rowsWithBarriers({ rows: 0, size: 1, reads }).pipe(sums(), sums({ into: 'b' }))
    const run = resumed()
    expect(await pulled(flow(), run)).toEqual([])
    const states = new Map([...checkpointOf(run)].filter(([key]) => key === 'sums'))
    expect(await pulled(flow(), resumed(states))).toEqual([])
    expect(reads.count).toBe(1)
  })
})

describe('a table with several readers, at checkpoints', () => {
  it('is made once, for readers that come after the others have gone too', async () => {
    const reads: Reads = { count: 0 }
    const stage = rowsWithBarriers({ rows: 10, size: 3, reads }).pipe(sums())
    const run = resumed()
    const out = [await pulled(stage, run), await pulled(stage.pipe(sums({ into: 'b' })), run)]
    expect(reads.count).toBe(1)
    expect(out.map((values) => valuesOf(values, 'sum'))).toEqual([sumsTo(10), sumsTo(10)])
  })

  it('goes on in each of them, and gives each branch a column of its own', async () => {
    let dying = true
    const fails = (): boolean => dying
    const reads: Reads = { count: 0 }
    const branches = () => {
      const stage = rowsWithBarriers({ rows: 5_000, size: 900, reads }).pipe(sums())
      const done = stage.pipe(sums({ name: 'done', into: 'own' }))
      return [
        done.pipe(sums({ name: 'late', into: 'own2', of: 'own', fails })),
        stage.pipe(sums({ name: 'other', into: 'own', of: 'sum', fails })),
      ] as const
    }
    const run = resumed()
    const failed = await Promise.allSettled(branches().map((flow) => pulled(flow, run)))
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    const states = checkpointOf(run)
    expect([...states.keys()].sort()).toEqual([
      'done',
      'done messages',
      'rows@sums',
      'sums',
      'sums messages',
    ])
    dying = false
    const next = resumed(states)
    const [late = [], other = []] = await Promise.all(branches().map((flow) => pulled(flow, next)))
    expect(reads.count).toBe(1)
    let sum = 0
    const twice = sumsTo(5_000).map((x) => (sum += x))
    expect(valuesOf(late, 'own')).toEqual(sumsTo(5_000))
    expect(valuesOf(late, 'own2')).toEqual(twice)
    expect(valuesOf(other, 'own')).toEqual(twice)
  })

  it('sends no barrier that is committed to a reader that comes later', async () => {
    const barriers: Barrier[] = []
    const stage = flowOf(rowsWithBarriers({ rows: 3, size: 1 }, barriers).pipe(sums()))
    const run = resumed()
    const first = stage.pull({ signal: never, run })[Symbol.asyncIterator]()
    const passed = (await first.next()).value as Barrier
    run.settle(passed)
    const late = pulled(stage, run)
    const rest: unknown[] = []
    for (let next; !(next = await first.next()).done;) rest.push(next.value)
    expect([passed, rest[0]]).toEqual(barriers)
    const [barrier, ...rows] = await late
    expect(barrier).toBe(barriers[1])
    expect(valuesOf(rows, 'sum')).toEqual(sumsTo(3))
  })

  it('is read to its end by one when the other ends early', async () => {
    const stage = flowOf(rowsWithBarriers({ rows: 9_000, size: 900 }).pipe(sums()))
    const run = new Run({ spillDir: folder })
    const abort = new AbortController()
    const early = stage.pull({ signal: abort.signal, run })[Symbol.asyncIterator]()
    const first = early.next()
    const second = stage.pull({ signal: never, run, lane: 'b' })[Symbol.asyncIterator]()
    const [, other] = await Promise.all([first, second.next()])
    abort.abort()
    await early.return?.()
    const out = [other.value as RecordBatch]
    for (let next; !(next = await second.next()).done;) out.push(next.value as RecordBatch)
    expect(valuesOf(out, 'sum')).toEqual(sumsTo(9_000))
    expect(
      (await readdir(folder, { recursive: true })).filter((f) => f.endsWith('.arrow')),
    ).toEqual([])
    await run.close()
  })
})

describe('a stage that fails', () => {
  it('names the operator whose rows the disk refuses', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    })
    const disk = {
      ...nodeDisk,
      open: async (path: string, mode: 'read' | 'create' | 'update') => ({
        ...(await nodeDisk.open(path, mode)),
        write: () => Promise.reject(full),
      }),
    }
    const error: unknown = await pulled(
      rowsWithBarriers({ rows: 3, size: 1 }).pipe(sums({ name: 'pca' })),
      resumed(new Map(), { disk }),
    ).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(ConnectorError)
    expect(error).toMatchObject({
      message:
        'Expected pca to write and read its rows on disk, got ENOSPC: no space left on device, write',
      cause: full,
    })
  })

  it('names the operator for which a worker thread died, and passes other errors on', async () => {
    const failing = (cause: Error) =>
      pulled(
        rowsWithBarriers({ rows: 3, size: 1 }).pipe(
          operateTable({
            name: 'gmm',
            schema: (input) => input,
            run: () => {
              throw cause
            },
          }),
        ),
        resumed(),
      ).catch((error: unknown) => error)
    const died = await failing(new WorkerError('Expected worker thread `kernel-worker` to answer'))
    expect(died).toBeInstanceOf(WorkerError)
    expect((died as Error).message).toMatch(/^Expected gmm to answer .*`kernel-worker`/)
    const refused = new ConnectorError('Expected so', { url: 'u', retryable: true })
    expect(await failing(refused)).toBe(refused)
  })
})
