import { describe, expect, it } from 'vitest'
import { limit } from '../../../operators/limit.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { source } from '../../../src/flow/source.ts'
import { rowTotal } from '../../../src/run/plan.ts'
import { letters } from '../../helpers/flows.ts'

const signal = new AbortController().signal

function counting(rows: number): Flow<never> {
  return source<never, number>({
    name: 'counting',
    count: () => Promise.resolve(rows),
    async *read() {
      yield* await Promise.resolve([])
    },
  })
}

describe('rowTotal', () => {
  const one = counting(4)
  const cases = [
    { name: 'of a source', flows: [one], total: 4 },
    { name: 'of two sources', flows: [one, counting(3)], total: 7 },
    { name: 'once for a source with two readers', flows: [one, flowOf(one.pipe())], total: 4 },
    { name: 'of none that cannot tell', flows: [one, letters('a', 2)], total: undefined },
    { name: 'of none that is ended early', flows: [flowOf(one.pipe(limit(2)))], total: undefined },
  ]
  it.each(cases)('counts the rows $name', async ({ flows, total }) => {
    expect(await rowTotal(flows, signal)).toBe(total)
  })
})
