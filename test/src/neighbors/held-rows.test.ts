import { describe, expect, it } from 'vitest'
import { HeldRows } from '../../../src/neighbors/held-rows.ts'

describe('HeldRows', () => {
  it.each([1, 999, 16_384, 40_000])('gives back what it was given %i at a time', (size) => {
    const held = new HeldRows()
    const values = Float32Array.from({ length: 2 * 40_000 }, (_, i) => i)
    for (let from = 0; from < 40_000; from += size) {
      const part = values.subarray(2 * from, 2 * (from + size))
      const rows = part.length / 2
      const ids = Array.from({ length: rows }, (_, i) => String(from + i))
      held.add({ matrix: { rows, columns: 2, values: part }, ids })
    }
    const blocks = [...held.blocks(2)]
    expect(blocks.map(({ offset, values: { length } }) => [offset, length])).toEqual([
      [0, 32_768],
      [16_384, 32_768],
      [32_768, 14_464],
    ])
    const same = blocks.every(({ offset, values: part }) =>
      part.every((value, i) => value === 2 * offset + i),
    )
    expect(same).toBe(true)
    expect(held.ids.at(39_999)).toBe('39999')
  })
})
