import { Field, Float64, Int32, type RecordBatch } from 'apache-arrow'
import { lastValueFrom, map, take, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { batchOf, int32Column, textColumn } from '../../../src/batch/batch.ts'
import { Barrier, Control } from '../../../src/flow/control.ts'
import { DataError, SchemaError, WorkerError } from '../../../src/errors.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { type OnError, rowTask, TaskFlow } from '../../../src/tasks/row-tasks.ts'
import { heavy, requireField } from '../../../src/batch/schema.ts'
import { gather, values } from '../../helpers/pictures.ts'
import { countsOf } from '../../helpers/runs.ts'

const task = new URL('../../fixtures/tasks/double-task.js', import.meta.url).href

/** An operator over the fixture's task: adds `column` with 2n. */
function double(
  column: string,
  options: {
    badEvery?: number
    crashAt?: number
    exitAt?: number
    fillAt?: number
    onError?: OnError
    weighs?: boolean
  } = {},
) {
  const { onError = 'fail', weighs = false, ...rest } = options
  const field = new Field(column, new Float64(), true)
  return rowTask({
    name: `double_${column}`,
    task,
    options: { column, ...rest },
    reads: ['n'],
    makes: [column],
    fields(input) {
      requireField(input, 'n', { owner: 'double', kind: 'number' })
      return [weighs ? heavy(field) : field]
    },
    onError,
  })
}

function numbers(count: number, size: number): RecordBatch[] {
  const all = Array.from({ length: count }, (_, i) => i + 1)
  const batches: RecordBatch[] = []
  for (let from = 0; from < count; from += size) {
    const part = all.slice(from, from + size)
    const ids = part.map((n) => `row ${String(n)}`)
    batches.push(batchOf([textColumn('id', ids), int32Column('n', part)]))
  }
  return batches
}

describe('rowTask', () => {
  const expected = Array.from({ length: 40 }, (_, i) => 2 * (i + 1))
  it.each([
    [1, 1],
    [1, 3],
    [7, 2],
    [40, 1],
    [40, 2],
  ])('keeps order and batches, in batches of %i with %i threads', async (size, threads) => {
    const { batches } = await gather(flowOf(numbers(40, size)).pipe(double('a')), { threads })
    expect(values(batches, 'a')).toEqual(expected)
    expect(batches.map((b) => b.numRows)).toEqual(numbers(40, size).map((b) => b.numRows))
    expect(batches[0]?.schema.fields.map((f) => f.name)).toEqual(['id', 'n', 'a'])
  })

  it('fuses with the task before it, but not across another operator', () => {
    const one = flowOf(numbers(1, 1)).pipe(double('a'))
    const two = one.pipe(double('b')) as unknown as TaskFlow
    expect(two).toBeInstanceOf(TaskFlow)
    expect(two.chain.stages.map((s) => s.spec.name)).toEqual(['double_a', 'double_b'])
    const apart = one.pipe(map((b) => b)).pipe(double('b')) as unknown as TaskFlow
    expect(apart.chain.stages).toHaveLength(1)
  })

  it('counts rows for each task of a fused chain, and tells where each reject comes from', async () => {
    const chain = flowOf(numbers(30, 4)).pipe(
      double('a', { badEvery: 2, onError: 'reject' }),
      double('b', { badEvery: 3, onError: 'drop' }),
      double('c', { badEvery: 5, onError: 'reject' }),
    )
    const { batches, rejects, run } = await gather(chain)
    expect(countsOf(run)).toEqual({
      double_a: { rowsIn: 30, rowsKept: 15, rejected: 15, dropped: 0 },
      double_b: { rowsIn: 15, rowsKept: 10, rejected: 0, dropped: 5 },
      double_c: { rowsIn: 10, rowsKept: 8, rejected: 2, dropped: 0 },
    })
    const stages = (chain as unknown as TaskFlow).chain.stages
    expect(stages.map((stage) => run.key(stage, 'other'))).toEqual([
      'double_a',
      'double_b',
      'double_c',
    ])
    expect([...run.slots.values()].flatMap(({ key, ended }) => (ended ? [key] : []))).toEqual([
      'double_a',
      'double_b',
      'double_c',
    ])
    expect(values(batches, 'n')).toEqual([1, 7, 11, 13, 17, 19, 23, 29])
    expect(rejects).toHaveLength(17)
    expect(rejects.filter((r) => r.operator === 'double_c')).toEqual([
      {
        id: 'row 5',
        operator: 'double_c',
        code: 'DAMAGED',
        message: 'Expected no multiple, got 5',
        attempt: 1,
      },
      {
        id: 'row 25',
        operator: 'double_c',
        code: 'DAMAGED',
        message: 'Expected no multiple, got 25',
        attempt: 1,
      },
    ])
  })

  it('gives what came before a row at fault, then fails with its id', async () => {
    const seen: unknown[] = []
    const flow = flowOf(numbers(12, 3)).pipe(double('a', { badEvery: 8 }))
    const reading = (async () => {
      for await (const batch of flowOf(flow)) seen.push(...values([batch], 'n'))
    })()
    await expect(reading).rejects.toThrow(DataError)
    await expect(reading).rejects.toMatchObject({
      url: 'row 8',
      message: 'Expected no multiple, got 8 (double_a of `row 8`)',
    })
    expect(seen).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('fails on a bug in a task, whatever onError says', async () => {
    const flow = flowOf(numbers(12, 3)).pipe(double('a', { crashAt: 5, onError: 'reject' }))
    await expect(gather(flow)).rejects.toThrow('crash at 5')
  })

  it('names the operators and the rows when a thread dies', async () => {
    const flow = flowOf(numbers(12, 3)).pipe(double('a'), double('b', { exitAt: 8 }))
    const failing = gather(flow, { threads: 1 })
    await expect(failing).rejects.toThrow(WorkerError)
    await expect(failing).rejects.toThrow(
      /^Expected worker thread `task-worker` to answer, got one that ended with code 3 \(double_a, double_b of .*`row 8`/,
    )
  })

  it('sends heavy columns back only where they are wanted', async () => {
    const chain = flowOf(numbers(3, 3)).pipe(double('a', { weighs: true }), double('b'))
    const names = async (columns?: string[]) =>
      (await gather(chain, columns && { columns })).batches[0]?.schema.fields.map((f) => f.name)
    expect(await names([])).toEqual(['id', 'n', 'b'])
    expect(await names(['a'])).toEqual(['id', 'n', 'a', 'b'])
    expect(await names()).toEqual(['id', 'n', 'a', 'b'])
  })

  it('passes control messages in their place', async () => {
    const [first, second] = numbers(4, 2) as [RecordBatch, RecordBatch]
    const barrier = new Barrier(1)
    const source = new Flow<RecordBatch>(async function* () {
      yield await Promise.resolve(first)
      yield barrier
      yield second
    })
    const seen: unknown[] = []
    const context = { signal: new AbortController().signal }
    for await (const value of flowOf(source.pipe(double('a'))).pull(context))
      seen.push(value instanceof Control ? value : value.numRows)
    expect(seen).toEqual([2, barrier, 2])
  })

  it('passes an error of the source after what came before it', async () => {
    const source = new Flow<RecordBatch>(async function* () {
      yield* await Promise.resolve(numbers(4, 2))
      throw new Error('source')
    })
    const seen: unknown[] = []
    const reading = lastValueFrom(
      source.pipe(
        double('a'),
        map((b) => seen.push(b.numRows)),
        toArray(),
      ),
    )
    await expect(reading).rejects.toThrow('source')
    expect(seen).toEqual([2, 2])
  })

  it('reads ahead of its reader by two batches at most, and ends its threads when it is left early', async () => {
    const news: unknown[] = []
    const channel = new BroadcastChannel('double-task')
    channel.onmessage = ({ data }: MessageEvent) => news.push(data)
    let pulled = 0
    const source = new Flow<RecordBatch>(async function* () {
      for (const batch of numbers(4_000, 40)) {
        pulled++
        yield await Promise.resolve(batch)
      }
    })
    const first = await lastValueFrom(source.pipe(double('a'), take(1)))
    expect(values([first], 'a')).toEqual(expected)
    expect(pulled).toBeLessThanOrEqual(4)
    await expect.poll(() => news.filter((n) => n === 'close').length).toBeGreaterThan(0)
    expect(news.filter((n) => n === 'close')).toHaveLength(news.length / 2)
    channel.close()
  })

  it('says what is missing when the schema is asked for', async () => {
    const flow = flowOf(numbers(1, 1)).pipe(double('a')) as unknown as TaskFlow
    const input = flow.info.schema
    const noId = batchOf([int32Column('n', [1])]).schema
    await expect((async () => input?.([noId]))()).rejects.toThrow(SchemaError)
    const { schema } = batchOf([textColumn('id', ['x'])])
    await expect((async () => input?.([schema]))()).rejects.toThrow(
      'Expected column `n` for double',
    )
    const out = await input?.([batchOf([textColumn('id', ['x']), int32Column('n', [1])]).schema])
    expect(out?.fields.map((f) => `${f.name}: ${String(f.type)}`)).toEqual([
      'id: Utf8',
      'n: Int32',
      'a: Float64',
    ])
  })

  it('gives nothing for nothing, and an empty batch for an empty batch', async () => {
    expect((await gather(flowOf<RecordBatch>([]).pipe(double('a')))).batches).toEqual([])
    const empty = batchOf([textColumn('id', []), int32Column('n', [])])
    const { batches } = await gather(flowOf([empty]).pipe(double('a')))
    expect(batches.map((b) => [b.numRows, b.schema.fields.length])).toEqual([[0, 3]])
    expect(batches[0]?.schema.fields[1]?.type).toEqual(new Int32())
  })
})
