import { describe, expect, it } from 'vitest'
import { Barrier, Rejects } from '../../../src/flow/control.ts'
import { OptionError } from '../../../src/errors.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { prefetch } from '../../../src/flow/prefetch.ts'
import { collect, counter, idle, pause, turn } from '../../helpers/sources.ts'

describe('prefetch', () => {
  it.each([0, 1, 5, 40])('passes %i values on in order', async (n) => {
    const { flow, open } = counter(n)
    expect(await collect(flowOf(flow.pipe(prefetch(3))))).toEqual(
      Array.from({ length: n }, (_, i) => i),
    )
    expect(open()).toBe(0)
  })

  it.each([1, 4])('reads %i values ahead, and no more', async (ahead) => {
    const { flow, made } = counter(40)
    let taken = 0
    const seen = new Set<number>()
    for await (const value of flowOf(flow.pipe(prefetch(ahead)))) {
      expect(value).toBe(taken++)
      await pause(1)
      if (taken <= 30) seen.add(made() - taken)
    }
    expect([...seen]).toEqual([ahead])
  })

  it('keeps control messages in their place', async () => {
    const values = [1, new Barrier(1), 2, new Rejects([])]
    const source = new Flow<number>(async function* () {
      yield* await Promise.resolve(values)
    })
    const { signal } = new AbortController()
    expect(await collect(flowOf(source.pipe(prefetch(2))).pull({ signal }))).toEqual(values)
  })

  it('passes an error on after the values before it', async () => {
    const seen: number[] = []
    const { flow, open } = counter(9, 3)
    const reading = (async () => {
      for await (const value of flowOf(flow.pipe(prefetch(8)))) seen.push(value)
    })()
    await expect(reading).rejects.toThrow('source')
    expect([seen, open()]).toEqual([[0, 1, 2], 0])
  })

  it('stops its source when it is ended early, though that is idle', async () => {
    let open = true
    const source = new Flow<number>(async function* (context) {
      try {
        yield* idle().pull(context)
      } finally {
        open = false
      }
    })
    for await (const value of flowOf(source.pipe(prefetch(2)))) if (value === 1) break
    await turn()
    expect(open).toBe(false)
  })

  it('checks its option', () => {
    expect(() => prefetch(0)).toThrow(
      new OptionError('Expected option `ahead` to be a positive integer, got `0` (number)'),
    )
  })
})
