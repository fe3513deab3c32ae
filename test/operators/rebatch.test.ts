import { lastValueFrom, of, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { rebatch } from '../../operators/rebatch.ts'
import { batchOf, byteLength, int32Column, rowBytes, textColumn } from '../../src/batch/batch.ts'
import { Barrier } from '../../src/flow/control.ts'
import { OptionError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { Run } from '../../src/run/run-state.ts'
import { everyType, plainValues } from '../helpers/every-type.ts'
import { runFrom } from '../helpers/runs.ts'

const texts = ['aaaa', null, 'bb', 'cccccccccccc', '', 'd', 'eeeeee']
const rows = batchOf([textColumn('t', texts), int32Column('n', [1, 2, 3, 4, 5, 6, 7])])

async function cuts(size: number, options: Parameters<typeof rebatch>[0]): Promise<unknown[][]> {
  const batches = []
  for (let at = 0; at < rows.numRows; at += size) batches.push(rows.slice(at, at + size))
  const out = await lastValueFrom(of(...batches).pipe(rebatch(options), toArray()))
  return out.map((b) => [...(b.getChild('t') as Iterable<unknown>)])
}

describe('rebatch', () => {
  const [a, b, c, d, e, f, g] = texts
  const cases = [
    { name: 'by rows', options: { rows: 3 }, expected: [[a, b, c], [d, e, f], [g]] },
    { name: 'one by one', options: { rows: 1 }, expected: texts.map((t) => [t]) },
    // A row takes 8 bytes and its text: 12, 8, 10, 20, 8, 9, 14.
    {
      name: 'by bytes',
      options: { bytes: 30 },
      expected: [
        [a, b, c],
        [d, e],
        [f, g],
      ],
    },
    { name: 'by both', options: { bytes: 30, rows: 2 }, expected: [[a, b], [c, d], [e, f], [g]] },
    {
      name: 'around a row above the limit',
      options: { bytes: 15 },
      expected: [[a], [b], [c], [d], [e], [f], [g]],
    },
    { name: 'not at all', options: {}, expected: [texts] },
  ]
  for (const { name, options, expected } of cases)
    it.each([1, 2, 7])(`cuts ${name}, from batches of %i`, async (size) => {
      expect(await cuts(size, options)).toEqual(expected)
    })

  it('keeps every type, and counts bytes by rows', async () => {
    const wide = batchOf(everyType)
    const out = await lastValueFrom(of(wide.slice(0, 2), wide.slice(2)).pipe(rebatch(), toArray()))
    expect(out).toHaveLength(1)
    for (const { field, vector } of everyType)
      expect(plainValues(out[0]?.getChild(field.name) as never)).toEqual(plainValues(vector))
    expect(byteLength(wide)).toBeGreaterThan(0)
    expect(rowBytes(wide).every((bytes) => bytes > 0)).toBe(true)
  })

  it('passes a batch that is full as it is, and drops empty ones', async () => {
    const out = await lastValueFrom(
      of(rows.slice(0, 0), rows).pipe(rebatch({ rows: 7 }), toArray()),
    )
    expect(out).toHaveLength(1)
    expect(out[0]).toBe(rows)
  })

  it('goes on with the rows it held at a barrier', async () => {
    const barrier = new Barrier(1)
    const first = new Flow<typeof rows>(async function* () {
      yield rows.slice(0, 4)
      yield await Promise.resolve(barrier)
      throw new Error('stop')
    }).pipe(rebatch({ rows: 3 }))
    const emitted: unknown[] = []
    const read = async (): Promise<void> => {
      const context = { signal: new AbortController().signal, run: new Run() }
      for await (const value of flowOf(first).pull(context)) emitted.push(value)
    }
    await expect(read()).rejects.toThrow('stop')
    expect(emitted).toEqual([rows.slice(0, 3), barrier])

    const rest = new Flow<typeof rows>(async function* () {
      yield await Promise.resolve(rows.slice(4))
    }).pipe(rebatch({ rows: 3 }))
    const run = runFrom(barrier.states)
    const out: unknown[] = []
    for await (const value of flowOf(rest).pull({ signal: new AbortController().signal, run }))
      out.push([...((value as typeof rows).getChild('t') as Iterable<unknown>)])
    expect(out).toEqual([[d, e, f], [g]])
  })

  it('refuses options that are unknown or out of range', () => {
    expect(() => rebatch({ rows: 0 })).toThrow(OptionError)
    expect(() => rebatch({ row: 3 } as never)).toThrow('did you mean `rows`?')
  })
})
