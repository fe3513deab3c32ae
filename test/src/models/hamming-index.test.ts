import { describe, expect, it } from 'vitest'
import { type HashCodes, hammingPairs } from '../../../src/models/hamming-index.ts'

function random(seed: number): () => number {
  let state = seed
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0)
}

/** Codes of which many are near: each a copy of an earlier one or of zeros, with some bits turned over. */
function codes(count: number, seed: number): HashCodes {
  const next = random(seed)
  const words = new Uint32Array(2 * count)
  for (let i = 0; i < count; i++) {
    const of = Math.floor((next() / 2 ** 32) * i)
    const fresh = i % 3 === 0
    words[2 * i] = fresh ? next() : (words[2 * of] ?? 0)
    words[2 * i + 1] = fresh ? next() : (words[2 * of + 1] ?? 0)
    for (let turned = (next() >>> 16) % 12; turned > 0; turned--) {
      const bit = (next() >>> 12) % 64
      words[2 * i + (bit >> 5)] = (words[2 * i + (bit >> 5)] ?? 0) ^ (1 << (bit & 31))
    }
  }
  return { words, rows: Int32Array.from({ length: count }, (_, i) => i) }
}

const bitsOf = Uint8Array.from(
  { length: 2 ** 16 },
  (_, i) => i.toString(2).replaceAll('0', '').length,
)

function bitsIn(x: number): number {
  return (bitsOf[x >>> 16] ?? 0) + (bitsOf[x & 0xffff] ?? 0)
}

function apart(a: HashCodes, i: number, b: HashCodes, j: number): number {
  const high = (a.words[2 * i] ?? 0) ^ (b.words[2 * j] ?? 0)
  return bitsIn(high) + bitsIn((a.words[2 * i + 1] ?? 0) ^ (b.words[2 * j + 1] ?? 0))
}

function found(radius: number, left: HashCodes, right?: HashCodes): string[] {
  return [...hammingPairs(radius, left, right)]
    .flatMap(({ first, second, distances }) =>
      [...first].map((a, i) => `${String(a)} ${String(second[i])} ${String(distances[i])}`),
    )
    .sort()
}

function byLoops(radius: number, left: HashCodes, right?: HashCodes): string[] {
  const pairs: string[] = []
  const others = right ?? left
  for (let i = 0; i < left.rows.length; i++)
    for (let j = right ? 0 : i + 1; j < others.rows.length; j++) {
      const distance = apart(left, i, others, j)
      if (distance <= radius) pairs.push(`${String(i)} ${String(j)} ${String(distance)}`)
    }
  return pairs.sort()
}

describe('hammingPairs', () => {
  // 1,200 codes go through the index up to radius 9, beyond that all pairs are compared.
  it.each([0, 1, 3, 4, 6, 7, 9, 12, 64])('finds each pair within %i bits once', (radius) => {
    const all = codes(radius > 9 ? 300 : 1200, radius + 1)
    const expected = byLoops(radius, all)
    expect(expected.length).toBeGreaterThan(0)
    expect(found(radius, all)).toEqual(expected)
  })

  it.each([0, 5, 8])('holds one list against another: %i bits', (radius) => {
    const [left, right] = [codes(400, 3), codes(900, 3)]
    expect(found(radius, left, right)).toEqual(byLoops(radius, left, right))
  })

  it('names the rows that the codes are of, the lower first, and takes few codes or none', () => {
    const rows = Int32Array.of(9, 4)
    const words = Uint32Array.of(7, 7, 7, 5)
    expect(found(1, { words, rows })).toEqual(['4 9 1'])
    expect(found(1, { words: words.subarray(0, 2), rows: rows.subarray(0, 1) })).toEqual([])
    expect(found(1, { words: new Uint32Array(), rows: new Int32Array() })).toEqual([])
  })

  it('hands out many pairs in parts', () => {
    const same = {
      words: new Uint32Array(1800),
      rows: Int32Array.from({ length: 900 }, (_, i) => i),
    }
    const parts = [...hammingPairs(2, same)].map(({ first }) => first.length)
    expect(parts.reduce((a, b) => a + b, 0)).toBe((900 * 899) / 2)
    expect(Math.max(...parts)).toBeLessThan(140_000)
  })
})
