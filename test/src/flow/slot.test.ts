import { describe, expect, it } from 'vitest'
import { Slot } from '../../../src/flow/slot.ts'

describe('Slot', () => {
  it('gives checkpoints copies: it counts on while they are written', () => {
    const slot = new Slot('part')
    const { now } = slot
    slot.end()
    slot.counts.rowsIn += 5
    expect([now, slot.ended].map((saved) => saved?.counts.rowsIn)).toEqual([0, 0])
    expect(slot.now.counts.rowsIn).toBe(5)
  })
})
