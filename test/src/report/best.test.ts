import { assert, integer, array, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Best } from '../../../src/report/best.ts'

describe('Best', () => {
  it('keeps what sorting all and cutting keeps, the earlier of equals', () => {
    assert(
      property(array(integer({ min: 0, max: 9 })), integer({ min: 1, max: 8 }), (ranks, n) => {
        const best = new Best<number>(n)
        ranks.forEach((rank, i) => {
          best.add(rank, i)
        })
        const order = [...ranks.keys()].sort((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0) || a - b)
        expect(best.sorted()).toEqual(order.slice(0, n))
      }),
    )
  })

  it('says beforehand whether a rank would be kept', () => {
    const best = new Best<string>(2)
    const asked = [5, 3, 5, 4].map((rank) => {
      const kept = best.accepts(rank)
      best.add(rank, String(rank))
      return kept
    })
    expect(asked).toEqual([true, true, false, true])
    expect(best.sorted()).toEqual(['3', '4'])
  })
})
