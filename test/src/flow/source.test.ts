import type { RecordBatch } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { batchOf, binaryColumn, textColumn } from '../../../src/batch/batch.ts'
import type { Context } from '../../../src/flow/context.ts'
import { Barrier, Control, Rejects } from '../../../src/flow/control.ts'
import { Run } from '../../../src/run/run-state.ts'
import { heavy } from '../../../src/batch/schema.ts'
import { Skipped, source, type SourceSpec } from '../../../src/flow/source.ts'
import { countsOf, runFrom, saved } from '../../helpers/runs.ts'

/** The numbers below `n`; the position is the next number. */
const numbers = (n: number, read: (from: number) => void = () => undefined) =>
  source<number, number>({
    name: 'numbers',
    async *read(_context, from = 0) {
      read(from)
      for (let i = from; i < n; i++) yield await Promise.resolve([i, i + 1] as const)
    },
  })

const context = (run?: Run): Context => ({
  signal: new AbortController().signal,
  ...(run && { run }),
})

const seen = (value: unknown): unknown =>
  value instanceof Barrier
    ? [
        value.checkpoint,
        Object.fromEntries([...value.states].map(([key, { state }]) => [key, state])),
      ]
    : value

describe('source', () => {
  it('reads without a run', async () => {
    const values = []
    for await (const value of numbers(3)) values.push(value)
    expect(values).toEqual([0, 1, 2])
    expect(await numbers(3).schema()).toBeUndefined()
    expect(numbers(3).bounded).toBe(true)
  })

  const barriers = [
    { name: 'before the first value', askAfter: undefined, at: 0, position: undefined },
    { name: 'between two values', askAfter: 0, at: 1, position: 1 },
    { name: 'after the last value', askAfter: 2, at: 3, position: 3 },
  ]
  it.each(barriers)('sends a barrier $name, once', async ({ askAfter, at, position }) => {
    const run = new Run()
    if (askAfter === undefined) run.request(new Barrier(1))
    const values = []
    for await (const value of numbers(3).pull(context(run))) {
      values.push(seen(value))
      if (value === askAfter) run.request(new Barrier(1))
    }
    const expected: unknown[] = [0, 1, 2]
    expected.splice(at, 0, [1, { numbers: position }])
    expect(values).toEqual(expected)
  })

  it('sends barriers while it is idle', async () => {
    const run = new Run()
    const ended = new AbortController()
    const flow = source<number, number>({
      name: 'idle',
      bounded: false,
      async *read() {
        yield [7, 1]
        await new Promise(() => undefined)
      },
    })
    const values = []
    for await (const value of flow.pull({ ...context(run), signal: ended.signal })) {
      values.push(seen(value))
      if (value === 7)
        setImmediate(() => {
          run.request(new Barrier(1))
        })
      else if (value instanceof Barrier && value.checkpoint === 1) run.request(new Barrier(2))
      else ended.abort()
    }
    expect(values).toEqual([7, [1, { idle: 1 }], [2, { idle: 1 }]])
  })

  it('goes on after the restored position', async () => {
    const from: number[] = []
    const run = runFrom(new Map([['numbers', saved(2)]]))
    const values = []
    for await (const value of numbers(4, (i) => from.push(i)).pull(context(run))) values.push(value)
    expect(values).toEqual([2, 3])
    expect(from).toEqual([2])
  })

  it('passes on an error of its reader', async () => {
    const flow = source<number, number>({
      name: 'broken',
      async *read() {
        yield await Promise.resolve([1, 1])
        throw new Error('disk')
      },
    })
    const values: number[] = []
    await expect(
      (async () => {
        for await (const value of flow) values.push(value)
      })(),
    ).rejects.toThrow('disk')
    expect(values).toEqual([1])
  })

  it('lets its reader close when it is ended early', async () => {
    let closed = false
    const flow = source<number, number>({
      name: 'file',
      async *read() {
        try {
          for (;;) yield await Promise.resolve([1, 1])
        } finally {
          closed = true
        }
      },
    })
    for await (const value of flow) if (value === 1) break
    await new Promise(setImmediate)
    expect(closed).toBe(true)
  })

  const picture = { ...binaryColumn('image', [new Uint8Array(2)]) }
  const batch = batchOf([textColumn('id', ['a']), { ...picture, field: heavy(picture.field) }])
  const spec: SourceSpec<RecordBatch, null> = {
    name: 'pictures',
    schema: () => batch.schema,
    async *read() {
      yield await Promise.resolve([batch, null])
      const reject = { id: 'b', operator: 'pictures', code: 'DATA', message: '', attempt: 1 }
      yield [new Rejects([reject]), null]
    },
  }

  it('counts rows and rejects', async () => {
    const run = new Run()
    const kinds = []
    for await (const value of source(spec).pull(context(run)))
      kinds.push(value instanceof Control ? value.type : value.numRows)
    expect(kinds).toEqual([1, 'rejects'])
    expect(countsOf(run)['pictures']).toEqual({ rowsIn: 2, rowsKept: 1, rejected: 1, dropped: 0 })
  })

  it.each([
    { wanted: undefined, expected: ['id', 'image'] },
    { wanted: new Set(['image']), expected: ['id', 'image'] },
    { wanted: new Set<string>(), expected: ['id'] },
  ])('carries heavy columns that are wanted: $expected', async ({ wanted, expected }) => {
    const given = { ...context(), ...(wanted && { columns: wanted }) }
    for await (const value of source(spec).pull(given))
      if (!(value instanceof Control))
        expect(value.schema.fields.map((f) => f.name)).toEqual(expected)
    expect((await source(spec).schema())?.fields).toHaveLength(2)
  })
})

describe('Skipped', () => {
  it('holds a value no more once it is taken', () => {
    const skipped = new Skipped(2, 'a', 'b')
    expect([skipped.take(), skipped.take(), skipped.take()]).toEqual(['a', 'b', undefined])
  })
})
