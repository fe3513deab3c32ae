import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromParquet } from '../../../connectors/from-parquet.ts'
import { toParquet } from '../../../connectors/to-parquet.ts'
import { neighbors } from '../../../operators/neighbors.ts'
import { rebatch } from '../../../operators/rebatch.ts'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { fixedShapeTensor } from '../../../src/batch/tensor.ts'
import { OptionError } from '../../../src/errors.ts'
import { type Flow, flowOf } from '../../../src/flow/flow.ts'
import type { MemoryRange } from '../../../src/flow/memory.ts'
import { operate } from '../../../src/flow/operate.ts'
import { source } from '../../../src/flow/source.ts'
import { byteCount } from '../../../src/options.ts'
import { explain } from '../../../src/run/explain.ts'
import { sharedMemory, threadsWithin } from '../../../src/run/memory.ts'
import { run } from '../../../src/run/run.ts'
import { columnOf } from '../../../src/tasks/row-values.ts'

/** A chain of parts that state these; what each is given in a run goes to `given`. */
function chain(
  stated: readonly (number | MemoryRange | undefined)[],
  given: number[] = [],
): Flow<RecordBatch> {
  let flow = flowOf([batchOf([textColumn('id', ['a'])])])
  for (const [i, memoryBytes] of stated.entries())
    flow = flowOf(
      flow.pipe(
        operate<RecordBatch, RecordBatch>({
          name: `part-${String(i + 1)}`,
          ...(memoryBytes !== undefined && { memoryBytes }),
          start: (_context, place) => {
            given[i] = place.memoryBytes
            return {
              *next(batch) {
                yield batch
              },
            }
          },
        }),
      ),
    )
  return flow
}

const wide = { least: 10, most: 110 }
const narrow = { least: 20, most: 70 }

describe('sharedMemory', () => {
  it.each([
    { name: 'no budget', budget: undefined, windows: [110, 70], sum: 180 },
    { name: 'more than all can use', budget: 1000, windows: [110, 70], sum: 180 },
    { name: 'half of what is above the least', budget: 105, windows: [60, 45], sum: 105 },
    { name: 'the least', budget: 30, windows: [10, 20], sum: 30 },
  ])('gives each its least and of the rest in proportion: $name', ({ budget, windows, sum }) => {
    const shared = sharedMemory([chain([wide, undefined, narrow])], budget)
    expect([...shared.windows.values()]).toEqual(windows)
    expect(shared).toMatchObject({ sum, least: 30 })
  })

  it('leaves windows that are fixed as they are', () => {
    const shared = sharedMemory([chain([40, wide])], 60)
    expect([...shared.windows.values()]).toEqual([40, 20])
  })

  it('counts a part that two flows read once', () => {
    const shared = chain([wide])
    expect(sharedMemory([shared, shared], 60).sum).toBe(60)
  })

  it('refuses a budget below the least, and says what would do', () => {
    const flow = chain([
      { least: 3_000_000, most: 9_000_000 },
      { least: 2_550_000, most: 3e6 },
    ])
    expect(() => sharedMemory([flow], 4_000_000)).toThrow(
      new OptionError(
        'Expected option `memory` to be at least 5.6MB for this plan (part-1 3MB, part-2 2.6MB), got 4MB',
      ),
    )
    expect(sharedMemory([flow], byteCount('memory', '5.6MB')).least).toBe(5_550_000)
  })
})

describe('threadsWithin', () => {
  it('allows a thread per 100 MB, at least one, at most one per core', () => {
    expect(threadsWithin(50e6)).toBe(1)
    expect(threadsWithin(199e6)).toBe(1)
    expect(threadsWithin(1e15)).toBeGreaterThanOrEqual(1)
    expect(threadsWithin(1e15)).toBeLessThan(10_000)
  })
})

describe('byteCount', () => {
  it.each([
    [1, 1],
    ['4096', 4096],
    ['512MB', 512_000_000],
    ['512 mb', 512_000_000],
    ['2GiB', 2 ** 31],
    ['1.5kB', 1500],
    ['64KiB', 65_536],
  ])('reads %o as %d', (value, bytes) => {
    expect(byteCount('memory', value)).toBe(bytes)
  })

  it.each([0, 1.5, -1, '', 'MB', '0MB', '512M', '1e3', '5 apples', null, undefined])(
    'refuses %o',
    (value) => {
      expect(() => byteCount('memory', value)).toThrow(/Expected option `memory` to be a size such/)
    },
  )
})

describe('run with memory', () => {
  it('tells each part what it may hold', async () => {
    const given: number[] = []
    await run(chain([wide, 5, undefined, narrow], given), { memory: 110 })
    expect(given).toEqual([60, 5, 0, 45])
    await run(chain([wide, 5, undefined, narrow], given))
    expect(given).toEqual([110, 5, 0, 70])
  })

  it('refuses what is too small before anything is read', async () => {
    const flow = source<RecordBatch, number>({
      name: 'unread',
      memoryBytes: 100,
      async *read() {
        await Promise.reject(new Error('Expected not to be read'))
      },
    })
    await expect(run(flow, { memory: '99B' })).rejects.toThrow(OptionError)
    await expect(run(flow, { memory: '1 apple' })).rejects.toThrow(OptionError)
    await expect(explain(flow, { memory: 99 })).rejects.toThrow(OptionError)
  })

  it('is what explain says', async () => {
    const plan = await explain(chain([wide, narrow]), { memory: 105 })
    expect(plan.parts.map((part) => part.memoryBytes)).toEqual([undefined, 60, 45])
    expect(plan).toMatchObject({ memoryBytes: 105, leastMemoryBytes: 30, threads: 1 })
  })
})

describe('rows under a budget', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-memory-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** 1,500 rows with embeddings of 512 numbers, 3 MB. */
  function rows(): Flow<RecordBatch> {
    const field = fixedShapeTensor('embedding', [512])
    return source<RecordBatch, number>({
      name: 'rows',
      schema: () => piece(field, 0, 0).schema,
      async *read(_context, from = 0) {
        for (let row = from; row < 1500; row += 500) {
          await Promise.resolve()
          yield [piece(field, row, 500), row + 500]
        }
      },
    })
  }

  function piece(field: ReturnType<typeof fixedShapeTensor>, from: number, count: number) {
    const numbers = Array.from({ length: count }, (_, i) => from + i)
    const values = numbers.map((row) =>
      Float32Array.from({ length: 512 }, (_, at) => Math.sin(row * 12.9898 + at * 78.233)),
    )
    return batchOf([
      textColumn(
        'id',
        numbers.map((row) => String(row)),
      ),
      columnOf(field, values),
    ])
  }

  async function written(name: string, memory?: string) {
    const path = join(folder, name)
    const flow = flowOf(rows().pipe(rebatch(), neighbors(), toParquet(path)))
    await run(flow, { spillDir: folder, ...(memory !== undefined && { memory }) })
    const sizes: number[] = []
    const values: unknown[] = []
    for await (const batch of fromParquet(path, { columns: ['near_id', 'near_distance'] })) {
      sizes.push(batch.numRows)
      for (const row of batch) values.push(row.toJSON())
    }
    return { sizes, values }
  }

  it('are the same, in smaller row groups', async () => {
    const plenty = await written('plenty.parquet')
    const little = await written('little.parquet', '32MB')
    expect(plenty.values).toHaveLength(1500)
    expect(little.values).toEqual(plenty.values)
    expect(little.sizes.length).toBeGreaterThan(plenty.sizes.length)
  })
})
