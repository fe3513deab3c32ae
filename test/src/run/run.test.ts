import type { RecordBatch } from 'apache-arrow'
import { take } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { limit } from '../../../operators/limit.ts'
import { OptionError, RejectLimitError } from '../../../src/errors.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { operate } from '../../../src/flow/operate.ts'
import type { Job } from '../../../src/run/plan.ts'
import { type Progress, run, type RunOptions } from '../../../src/run/run.ts'
import { sink } from '../../../src/flow/sink.ts'
import { endless, letters, nothing, refuse, toKept } from '../../helpers/flows.ts'

describe('run', () => {
  it('drives a flow to its sink and says what each part did', async () => {
    const kept = nothing()
    const summary = await run(letters('a', 5).pipe(refuse('3'), toKept(kept)))
    expect(kept).toEqual({ ids: ['a0', 'a1', 'a2', 'a4'], aborted: false, finished: true })
    expect(summary).toMatchObject({ rows: 5, rejected: 1, drained: false })
    expect(summary.sinks).toEqual([
      { sink: 'to-kept', location: 'memory', rows: 4, bytes: 0, files: 0 },
    ])
    expect(summary.operators).toEqual([
      { name: 'letters', rowsIn: 5, rowsKept: 5, rejected: 0, dropped: 0 },
      { name: 'refuse', rowsIn: 5, rowsKept: 4, rejected: 1, dropped: 0 },
      { name: 'to-kept', rowsIn: 4, rowsKept: 4, rejected: 0, dropped: 0 },
    ])
  })

  it('takes an operator that makes more rows than it got, and is ended early', async () => {
    const doubled = operate<RecordBatch, RecordBatch>({
      name: 'doubled',
      start: () => ({
        *next(batch) {
          yield batch
          yield batch
        },
      }),
    })
    const summary = await run(letters('a', 9).pipe(doubled, limit(5)))
    expect(summary.operators.at(-1)).toMatchObject({ name: 'limit', rowsKept: 5 })
  })

  const jobs: { name: string; job: () => Job; rows: number }[] = [
    { name: 'one flow', job: () => letters('a', 3), rows: 3 },
    { name: 'a list', job: () => [letters('a', 3), letters('b', 2)], rows: 5 },
    { name: 'flows by name', job: () => ({ a: letters('a', 3), b: letters('b', 1) }), rows: 4 },
    { name: 'a flow without a sink', job: () => letters('a', 4).pipe(refuse('9')), rows: 4 },
    { name: 'an empty flow', job: () => letters('a', 0), rows: 0 },
  ]
  it.each(jobs)('takes $name', async ({ job, rows }) => {
    expect(await run(job())).toMatchObject({ rows, rejected: 0 })
  })

  it.each([
    ['a list without flows', [], 'Expected a job of at least one flow, got none'],
    ['something else', 3, 'Expected a job to be a Flow, got a number'],
    [
      'a list with something else',
      [letters('a', 1), 'b'],
      'Expected flow `2` of a job to be a Flow, got a string',
    ],
  ])('refuses %s', async (_name, job, message) => {
    await expect(run(job as Job)).rejects.toThrow(new OptionError(message))
  })

  it.each([
    [
      { maxRejectRatio: 2 },
      'Expected option `maxRejectRatio` to be a number from 0 to 1, got `2` (number)',
    ],
    [{ sed: 1 }, 'Expected run to be given only known options, got `sed`; did you mean `seed`?'],
    [{ threads: 0 }, 'Expected option `threads` to be a positive integer, got `0` (number)'],
  ])('refuses options %j', async (options, message) => {
    await expect(run(letters('a', 1), options as RunOptions)).rejects.toThrow(
      new OptionError(message),
    )
  })

  it('writes the rejects, in the order of the flows', async () => {
    const rejects = nothing()
    const slow = letters('a', 40).pipe(
      operate(() => ({
        async *next(batch) {
          await new Promise((resolve) => setTimeout(resolve, 1))
          yield batch
        },
      })),
      refuse('1'),
    )
    const summary = await run([slow, letters('b', 40).pipe(refuse('1'))], {
      rejects: toKept(rejects),
    })
    expect(rejects.ids).toEqual(['a1', 'a11', 'a21', 'a31', 'b1', 'b11', 'b21', 'b31'])
    expect(rejects.finished).toBe(true)
    expect(summary.rejected).toBe(8)
    expect(summary.sinks).toHaveLength(1)
  })

  it('stops when too many rows are rejects, from the 100th row on', async () => {
    const few = await run(letters('a', 99).pipe(refuse('1'), refuse('2')), { maxRejectRatio: 0 })
    expect(few.rejected).toBe(20)
    const kept = nothing()
    const rejects = nothing()
    const many = run(letters('a', 200).pipe(refuse('1'), toKept(kept)), {
      maxRejectRatio: 0.05,
      rejects: toKept(rejects),
    })
    await expect(many).rejects.toThrow(RejectLimitError)
    await expect(many).rejects.toThrow(
      'Expected at most 5 % of rows to be rejects, got 11 of 102; the last, `a101`, from refuse: Expected another digit',
    )
    expect([kept.aborted, kept.finished, rejects.aborted, rejects.finished]).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  it('stops every flow at the first error, and publishes nothing', async () => {
    const kept = nothing()
    const broken = new Flow<RecordBatch>(async function* () {
      yield* letters('b', 2).pull({ signal: new AbortController().signal })
      throw new Error('broken')
    })
    await expect(run([endless().pipe(toKept(kept)), broken])).rejects.toThrow('broken')
    expect(kept).toEqual({ ids: ['first'], aborted: true, finished: false })
  })

  it('stops at a signal, and publishes nothing', async () => {
    const kept = nothing()
    const abort = new AbortController()
    const running = run(endless().pipe(toKept(kept)), {
      signal: abort.signal,
      progressMs: 1,
      onProgress: ({ rows }) => {
        if (rows === 1) abort.abort()
      },
    })
    await expect(running).rejects.toMatchObject({ name: 'AbortError' })
    expect(kept).toEqual({ ids: ['first'], aborted: true, finished: false })
  })

  it('ends its sources at a drain, and publishes what they gave', async () => {
    const kept = nothing()
    const drain = new AbortController()
    const summary = await run(endless().pipe(toKept(kept)), {
      drain: drain.signal,
      progressMs: 1,
      onProgress: ({ rows }) => {
        if (rows === 1) drain.abort()
      },
    })
    expect(summary).toMatchObject({ rows: 1, drained: true })
    expect(kept).toEqual({ ids: ['first'], aborted: false, finished: true })
  })

  it('tells its progress at the end at least', async () => {
    const seen: Progress[] = []
    await run(letters('a', 4), { total: 4, onProgress: (progress) => seen.push(progress) })
    expect(seen.at(-1)).toMatchObject({ rows: 4, rejected: 0, total: 4 })
  })

  it('lets an operator end its source early', async () => {
    const summary = await run(letters('a', 100).pipe(refuse('0'), take(2)))
    expect(summary.rows).toBeLessThan(10)
  })

  it('fails when a sink has not written what it took', async () => {
    const careless = sink({
      name: 'careless',
      guarantee: 'at-least-once',
      open: () => ({
        write: () => undefined,
        finish: () => ({
          summary: { sink: 'careless', location: '', rows: 3, bytes: 0, files: 0 },
        }),
        abort: () => undefined,
      }),
    })
    await expect(run(letters('a', 4).pipe(careless))).rejects.toThrow(
      'Expected the sinks to write 4 rows, got 3: rows were lost or counted twice',
    )
  })

  it('fails when rejects do not arrive', async () => {
    const inner = flowOf(letters('a', 4).pipe(refuse('1')))
    const lossy = new Flow<RecordBatch>(
      async function* (context) {
        for await (const value of inner.pull(context)) if ('numRows' in value) yield value
      },
      { name: 'lossy', role: 'operator', inputs: [inner] },
    )
    await expect(run(lossy)).rejects.toThrow(
      'Expected 1 rejects to arrive at the ends of the run, got 0: rows were lost or counted twice',
    )
  })
})
