import { Readable } from 'node:stream'
import { Field, Int32, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { lastValueFrom, take, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { fromBatches, type FromBatchesOptions } from '../../connectors/from-batches.ts'
import { batchOf, int32Column } from '../../src/batch/batch.ts'
import { Barrier, Control } from '../../src/flow/control.ts'
import { Run } from '../../src/run/run-state.ts'
import { countsOf, pulled, runFrom } from '../helpers/runs.ts'

const numbered = (from: number, to: number) =>
  batchOf([
    int32Column(
      'n',
      Array.from({ length: to - from }, (_, i) => from + i),
    ),
  ])
const batches = [numbered(0, 3), numbered(3, 4), numbered(4, 9)]
const numbers = (list: readonly unknown[]) =>
  (list as RecordBatch[]).flatMap((batch) => [...(batch.getChild('n') ?? [])] as number[])
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

// eslint-disable-next-line @typescript-eslint/require-await -- an async generator to read from
async function* generator() {
  yield* batches
}

describe('fromBatches', () => {
  it.each([
    ['a list', () => batches],
    ['an async generator', () => generator()],
    ['a Node Readable', () => Readable.from(batches)],
    ['a function', () => () => Readable.from(batches)],
  ])('reads %s, and counts the rows', async (_, input) => {
    const flow = fromBatches(input(), { name: 'mine' })
    const run = new Run()
    expect(numbers(await pulled(flow, run))).toEqual(upTo(9))
    expect(countsOf(run)).toEqual({ mine: { rowsIn: 9, rowsKept: 9, rejected: 0, dropped: 0 } })
  })

  it('asks for a batch when the one before has been taken, and ends what it reads from', async () => {
    let asked = 0
    const readable = new Readable({
      objectMode: true,
      highWaterMark: 1,
      read() {
        this.push(numbered(asked, ++asked))
      },
    })
    const some = await lastValueFrom(fromBatches(readable).pipe(take(3), toArray()))
    expect(numbers(some)).toEqual([0, 1, 2])
    expect(asked).toBeLessThanOrEqual(6)
    await expect.poll(() => readable.destroyed).toBe(true)
  })

  it('passes errors on, also of a Readable', async () => {
    const failing = new Readable({
      objectMode: true,
      read() {
        this.destroy(new Error('broken'))
      },
    })
    await expect(lastValueFrom(fromBatches(failing))).rejects.toThrow('broken')
  })

  it('goes on from a function by passing over rows, and cannot from anything else', async () => {
    const flow = fromBatches(() => generator())
    const barrier = new Barrier(1)
    const run = new Run()
    const { signal } = new AbortController()
    let seen = 0
    for await (const value of flow.pull({ signal, run })) {
      if (value instanceof Control) break
      if (++seen === 2) run.request(barrier)
    }
    // The same rows, in other batches.
    const again = fromBatches(() => [numbered(0, 6), numbered(6, 9)])
    expect(numbers(await pulled(again, runFrom(barrier.states)))).toEqual([4, 5, 6, 7, 8])
    expect(flow.info.resumable).not.toBe(false)
    expect(fromBatches(generator()).info.resumable).toBe(false)
  })

  it('says its schema, and holds the batches to it', async () => {
    const schema = new Schema([new Field('n', new Int32(), true)])
    expect(await fromBatches(generator(), { schema }).schema()).toBe(schema)
    expect(await fromBatches(generator()).schema()).toBeUndefined()
    const other = new Schema([new Field('n', new Utf8(), true)])
    const wrong = lastValueFrom(fromBatches(generator(), { schema: other }))
    await expect(wrong).rejects.toMatchObject({ code: 'SCHEMA', column: 'n' })
  })

  it('becomes a Node Readable again, with backpressure', async () => {
    let made = 0
    const flow = fromBatches(function* () {
      for (;;) yield numbered(made, ++made)
    })
    const readable = Readable.from(flow, { highWaterMark: 1 })
    const some: RecordBatch[] = []
    for await (const batch of readable) if (some.push(batch as RecordBatch) === 3) break
    expect(numbers(some)).toEqual([0, 1, 2])
    expect(made).toBeLessThanOrEqual(6)
  })

  it.each<[string, FromBatchesOptions]>([
    ['Expected option `name` to be a non-empty string, got `` (string)', { name: '' }],
    [
      'Expected fromBatches to be given only known options, got `bound`; did you mean `bounded`?',
      { bound: true } as FromBatchesOptions,
    ],
  ])('says: %s', (message, options) => {
    expect(() => fromBatches([], options)).toThrow(
      expect.objectContaining({ code: 'OPTION', message }),
    )
  })
})
