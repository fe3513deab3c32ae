import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { distance, type Metric } from '../../../src/kernels/distance.ts'
import { hammingDistance, nearPairs, type PairBlock } from '../../../src/kernels/near-pairs.ts'
import { mirrored } from '../../../src/kernels/perceptual-hash.ts'
import { releaseSessions } from '../../../src/kernels/sessions.ts'

afterAll(releaseSessions)

function bitCount(bits: number): number {
  return bits === 0 ? 0 : (bits & 1) + bitCount(bits >>> 1)
}

/** The words of a hash of 8 bytes. */
function words(hash: Uint8Array): [number, number] {
  const view = new DataView(hash.buffer, hash.byteOffset, 8)
  return [view.getUint32(0), view.getUint32(4)]
}

const hash = fc.uint8Array({ minLength: 8, maxLength: 8 })

describe('hammingDistance', () => {
  it('counts the bits that differ, or those from the mirrored hash where they are fewer', () => {
    fc.assert(
      fc.property(hash, hash, (x, y) => {
        const [a, b] = words(x)
        const apart = ([c, d]: [number, number]): number => bitCount(a ^ c) + bitCount(b ^ d)
        const [c, d] = words(y)
        expect(hammingDistance(a ^ c, b ^ d)).toBe(
          Math.min(apart([c, d]), apart(words(mirrored(y)))),
        )
      }),
      { seed: 1 },
    )
  })
})

describe('nearPairs', () => {
  const columns = 3
  const block = (offset: number, numRows: number): PairBlock => ({
    offset,
    embeddings: Float32Array.from({ length: numRows * columns }, (_, i) =>
      Math.round(2 * Math.sin((offset * columns + i) ** 2)),
    ),
    hashes: Uint32Array.from({ length: 2 * numRows }, (_, i) => 2 ** ((7 * (2 * offset + i)) % 31)),
    hasEmbedding: Uint8Array.from({ length: numRows }, (_, i) => ((offset + i) % 7 === 0 ? 0 : 1)),
    hasHash: Uint8Array.from({ length: numRows }, (_, i) => ((offset + i) % 5 === 0 ? 0 : 1)),
  })
  const limits = Float64Array.from({ length: 66 }, (_, h) => (h < 2 ? Infinity : h < 4 ? 0.5 : 0.1))
  limits[65] = 0.05

  /** All pairs of rows 0 to `numRows`, one by one. */
  function oneByOne(numRows: number, metric: Metric): string[] {
    const all = block(0, numRows)
    const out: string[] = []
    for (let i = 0; i < numRows; i++)
      for (let j = i + 1; j < numRows; j++) {
        const hashed = all.hasHash[i] === 1 && all.hasHash[j] === 1
        const x = (all.hashes[2 * i] ?? 0) ^ (all.hashes[2 * j] ?? 0)
        const y = (all.hashes[2 * i + 1] ?? 0) ^ (all.hashes[2 * j + 1] ?? 0)
        const limit = limits[hashed ? hammingDistance(x, y) : 65] ?? 0
        const known = all.hasEmbedding[i] === 1 && all.hasEmbedding[j] === 1
        const a = { values: all.embeddings, from: i * columns }
        const b = { values: all.embeddings, from: j * columns }
        if (known ? distance(metric, a, b, columns) <= limit : limit === Infinity)
          out.push(`${String(i)} ${String(j)}`)
      }
    return out.sort()
  }

  it.each([
    { metric: 'cosine', cut: 300 },
    { metric: 'cosine', cut: 7 },
    { metric: 'euclidean', cut: 300 },
    { metric: 'euclidean', cut: 100 },
  ] as const)(
    'finds the pairs that a look at each one finds: $metric, in blocks cut at $cut',
    async ({ metric, cut }) => {
      const blocks = [block(0, cut), ...(cut < 300 ? [block(cut, 300 - cut)] : [])]
      const out: string[] = []
      for (const [at, left] of blocks.entries())
        for (const right of blocks.slice(at))
          for (let from = 0; from < left.hasHash.length;) {
            const found = await nearPairs({
              columns,
              metric,
              left,
              right,
              limits,
              from,
              maxPairs: 10,
            })
            for (const [i, first] of found.first.entries())
              out.push(`${String(first)} ${String(found.second[i])}`)
            from = found.next
          }
      expect(out.sort()).toEqual(oneByOne(300, metric))
      expect(out.length).toBeGreaterThan(100)
    },
  )

  it('goes on where it stopped for the number of pairs', async () => {
    const all = block(0, 300)
    const message = {
      columns,
      metric: 'cosine',
      left: all,
      right: all,
      limits,
      maxPairs: 1,
    } as const
    const first = await nearPairs({ ...message, from: 0 })
    expect(first.next).toBe(256)
    const second = await nearPairs({ ...message, from: first.next })
    expect(second.next).toBe(300)
    expect(first.first.length + second.first.length).toBe(oneByOne(300, 'cosine').length)
  })
})
