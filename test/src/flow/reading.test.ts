import { describe, expect, it } from 'vitest'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { operate } from '../../../src/flow/operate.ts'
import { reading } from '../../../src/flow/reading.ts'
import { runFrom, saved } from '../../helpers/runs.ts'
import { collect } from '../../helpers/sources.ts'

/** One value, and how often the flow was read and released. */
function watched() {
  const times = { read: 0, released: 0 }
  const flow = new Flow<number>(
    async function* () {
      times.read++
      yield await Promise.resolve(1)
    },
    { name: 'watched', role: 'source', release: () => times.released++ },
  )
  return { flow, times }
}

describe('reading', () => {
  it('releases a flow that was not asked for a value, once', async () => {
    const stopped = AbortSignal.abort()
    const { flow, times } = watched()
    const never = reading(flow, { signal: stopped })
    expect(await collect(never)).toEqual([])
    expect(times).toEqual({ read: 0, released: 1 })
    const stopping = new AbortController()
    const left = reading(flow, { signal: stopping.signal })
    stopping.abort()
    await left.return()
    expect(times).toEqual({ read: 0, released: 2 })
    await reading(flow, { signal: new AbortController().signal }).return()
    expect(times).toEqual({ read: 0, released: 3 })
  })

  it('leaves one that was read to itself', async () => {
    const { flow, times } = watched()
    const stopping = new AbortController()
    const values = reading(flow, { signal: stopping.signal })
    expect(await values.next()).toEqual({ done: false, value: 1 })
    stopping.abort()
    await values.return()
    expect(times).toEqual({ read: 1, released: 0 })
  })

  it('is how an operator reads, which may be stopped while it restores its state', async () => {
    const { flow, times } = watched()
    const stopping = new AbortController()
    const restoring = operate<number, number>({
      name: 'restoring',
      start: () => ({
        *next(value) {
          yield value
        },
        restore: () => {
          stopping.abort()
        },
      }),
    })
    const run = runFrom(new Map([['restoring', saved('state')]]))
    const read = flowOf(flow.pipe(restoring)).pull({ signal: stopping.signal, run })
    expect(await collect(read)).toEqual([])
    expect(times).toEqual({ read: 0, released: 1 })
  })
})
