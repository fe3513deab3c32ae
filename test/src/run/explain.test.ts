import { describe, expect, it } from 'vitest'
import { explain } from '../../../src/run/explain.ts'
import { sink } from '../../../src/flow/sink.ts'
import { letters, nothing, refuse, toKept } from '../../helpers/flows.ts'

describe('explain', () => {
  it('lists the parts with schema, bounds and the weakest delivery', async () => {
    const once = sink({
      name: 'once',
      guarantee: 'exactly-once',
      memoryBytes: 36,
      open: () => {
        throw new Error('explain opened a sink')
      },
    })
    const shared = letters('a', 4)
    const plan = await explain({
      kept: shared.pipe(refuse('1'), toKept(nothing())),
      once: shared.pipe(once),
    })
    const id = { name: 'id', type: 'Utf8', heavy: false }
    expect(plan).toEqual({
      flows: [
        { name: 'kept', end: 3 },
        { name: 'once', end: 4 },
      ],
      parts: [
        {
          ...{ id: 1, name: 'letters', role: 'source', inputs: [], bounded: true },
          ...{ settings: { name: 'a', numRows: 4 }, columns: [id], memoryBytes: 64 },
        },
        {
          ...{ id: 2, name: 'refuse', role: 'operator', inputs: [1], bounded: true },
          ...{ settings: {}, columns: [id] },
        },
        {
          ...{ id: 3, name: 'to-kept', role: 'sink', inputs: [2], bounded: true },
          ...{ settings: {}, columns: [id], guarantee: 'at-least-once' },
        },
        {
          ...{ id: 4, name: 'once', role: 'sink', inputs: [1], bounded: true },
          ...{ settings: {}, columns: [id], guarantee: 'exactly-once', memoryBytes: 36 },
        },
      ],
      memoryBytes: 100,
      leastMemoryBytes: 100,
      unstated: [2, 3],
      guarantee: 'at-least-once',
      problems: [],
    })
  })
})
