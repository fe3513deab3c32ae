import { describe, expect, it } from 'vitest'
import type { Facts } from '../../../src/neighbors/duplicate-facts.ts'
import { hashDistance, hashPairs } from '../../../src/neighbors/hash-pairs.ts'

const rows = 60

/** Hashes of rows in eight forms; that of row 3 is missing. */
function facts(): Facts {
  let state = 4
  const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0)
  const forms = Uint32Array.from({ length: 16 * rows }, next)
  function copy(row: number, form: number, from: readonly [row: number, form: number]): void {
    const [of, other] = from
    forms[16 * row + 2 * form] = (forms[16 * of + 2 * other] ?? 0) ^ 0b101
    forms[16 * row + 2 * form + 1] = forms[16 * of + 2 * other + 1] ?? 0
  }
  // Shown by a form of the lower row, of the higher, of both, by two forms of one, and by the pictures as they are.
  copy(10, 3, [20, 0])
  copy(31, 5, [21, 0])
  copy(12, 2, [22, 0])
  copy(22, 6, [12, 0])
  copy(13, 1, [23, 0])
  copy(13, 4, [23, 0])
  copy(24, 0, [14, 0])
  // Of forms alone, which say nothing.
  copy(15, 3, [25, 4])
  return {
    ...{
      ids: [],
      sets: new Int32Array(rows),
      contents: new Int32Array(),
      originals: new Int32Array(),
    },
    ...{ pixels: new Float64Array(), bytes: new Float64Array() },
    hashes: Uint32Array.from({ length: 2 * rows }, (_, i) => forms[16 * (i >> 1) + (i & 1)] ?? 0),
    hasHash: Uint8Array.from({ length: rows }, (_, row) => (row === 3 ? 0 : 1)),
    forms,
  }
}

async function found(of: Facts, takesPart: Uint8Array, bits: number): Promise<string[]> {
  const pairs: string[] = []
  for await (const { first, second, hamming } of hashPairs(of, takesPart, bits))
    for (const [i, a] of first.entries())
      pairs.push(`${String(a)} ${String(second[i])} ${String(hamming[i])}`)
  return pairs.sort()
}

describe('hashPairs', () => {
  it('finds each pair once, whichever forms of either row show it', async () => {
    const takesPart = new Uint8Array(rows).fill(1)
    takesPart[14] = 0
    const near = ['10 20 2', '12 22 2', '13 23 2', '21 31 2']
    expect(await found(facts(), takesPart, 2)).toEqual(near)
    expect(await found(facts(), takesPart.fill(1), 2)).toEqual([
      ...near.slice(0, 3),
      '14 24 2',
      '21 31 2',
    ])
  })

  it.each([14, 20])('finds what all forms of all pairs show: %i bits', async (bits) => {
    const of = facts()
    const expected: string[] = []
    for (let a = 0; a < rows; a++)
      for (let b = a + 1; b < rows; b++) {
        const distance = hashDistance(of, a, b)
        if (distance <= bits) expected.push(`${String(a)} ${String(b)} ${String(distance)}`)
      }
    expect(expected.length).toBeGreaterThan(4)
    expect(await found(of, new Uint8Array(rows).fill(1), bits)).toEqual(expected.sort())
  })

  it('goes by the one hash where there are no forms', async () => {
    const of = { ...facts(), forms: new Uint32Array() }
    expect(await found(of, new Uint8Array(rows).fill(1), 2)).toEqual(['14 24 2'])
  })
})
