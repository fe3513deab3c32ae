import { describe, expect, it } from 'vitest'
import { limit } from '../../../operators/limit.ts'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { mergeFlows } from '../../../src/flow/merge-flows.ts'
import { source } from '../../../src/flow/source.ts'
import { readingsOf, rowTotal } from '../../../src/run/plan.ts'
import { operateTable } from '../../../src/table/column-store.ts'
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

describe('readingsOf', () => {
  const table = operateTable({ name: 'table', schema: (input) => input, run: () => [] })
  const rows = letters('a', 2)
  const twice = mergeFlows(rows, rows)
  const shared = flowOf(twice.pipe(table))
  const above = flowOf(shared.pipe(table))
  const [one, two] = fanOut(2)(mergeFlows(above, above, shared))

  it('counts a part once for each way to it, and what is below a table or a fan once for all', () => {
    const readings = readingsOf([mergeFlows(one, one), two])
    const counts = [one, two, above, shared, twice, rows].map((part) => readings.get(part))
    expect(counts).toEqual([2, 1, 2, 2, 1, 2])
  })
})
