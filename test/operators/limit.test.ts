import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { limit } from '../../operators/limit.ts'
import { OptionError } from '../../src/errors.ts'
import { Flow } from '../../src/flow/flow.ts'
import { batchesOf } from '../helpers/batches.ts'

const rows = Array.from({ length: 7 }, (_, id) => ({ id }))

describe('limit', () => {
  const cases = [
    { limited: 1, ids: [0] },
    { limited: 4, ids: [0, 1, 2, 3] },
    { limited: 7, ids: [0, 1, 2, 3, 4, 5, 6] },
    { limited: 9, ids: [0, 1, 2, 3, 4, 5, 6] },
  ]
  for (const { limited, ids } of cases) {
    it.each([1, 2, 7])(
      `passes ${String(limited)} of 7 rows in batches of %i, and ends the source`,
      async (size) => {
        let made = 0
        let closed = false
        const source = new Flow<RecordBatch>(async function* () {
          try {
            for (const batch of batchesOf(rows, size)) {
              made++
              yield await Promise.resolve(batch)
            }
          } finally {
            closed = true
          }
        })
        const out = await lastValueFrom(source.pipe(limit(limited), toArray()))
        expect(out.flatMap((b) => [...(b.getChild('id') ?? [])] as number[])).toEqual(ids)
        expect(made).toBe(Math.ceil(ids.length / size))
        expect(closed).toBe(true)
      },
    )
  }

  it('refuses a bad option at the call', () => {
    expect(() => limit(0)).toThrow(OptionError)
  })
})
