import { distance, type Metric } from './distance.ts'
import { ScoredRows } from './scored-rows.ts'
import { scoreGraph } from './scores.ts'
import { runGraph } from './sessions.ts'

/** Embeddings and perceptual hashes of a block of rows. */
export interface PairBlock {
  /** Number of the first row. */
  readonly offset: number
  /** The embeddings, one after another; empty if there are none. */
  readonly embeddings: Float32Array
  /** Two words of 32 bits per row. */
  readonly hashes: Uint32Array
  /** Per row: 1 if it takes part by its embedding. */
  readonly hasEmbedding: Uint8Array
  /** Per row: 1 if it takes part by its hash. */
  readonly hasHash: Uint8Array
}

/** Two blocks, and what makes a pair of their rows near. */
export interface NearPairsMessage {
  /** Length of an embedding. */
  readonly columns: number
  /** How far apart two embeddings are. */
  readonly metric: Metric
  /** The rows that are the first of a pair. */
  readonly left: PairBlock
  /** The rows that are the second; the same block, or one further down. */
  readonly right: PairBlock
  /**
   * For each Hamming distance 0..64, and at 65 for pairs without two hashes, the distance up to
   * which the pair is near: below 0 never, and with ∞ whatever the embeddings say.
   */
  readonly limits: Float64Array
  /** The row of `left` to begin with. */
  readonly from: number
  /** Pairs after which no further strip is begun. */
  readonly maxPairs: number
}

/** Near pairs; the arrays run in parallel, ordered by the first row, then the second. */
export interface NearPairs {
  /** Numbers of the first rows. */
  readonly first: Int32Array
  /** Numbers of the second rows, each above the first. */
  readonly second: Int32Array
  /** How far apart the embeddings are; NaN if one is missing. */
  readonly distances: Float64Array
  /** Hamming distance of the hashes, the second seen in a mirror if that is nearer; 65 if one is missing. */
  readonly hamming: Uint8Array
  /** The row of the left block to go on from, or its number of rows. */
  readonly next: number
}

/** The Hamming distance that stands for "no two hashes". */
export const noHamming = 65

const stripRows = 256
/** The bits of odd horizontal frequency: see `mirrored` in `perceptual-hash.ts`. */
const oddBits = 0xaaaaaaaa

/**
 * Finds the pairs of rows that are near by embedding and hash together.
 *
 * All pairs are looked at: embeddings by a float32 product in strips of 256 rows, hashes by counting
 * bits. A pair that the product's rounding leaves within its limit is measured in float64.
 */
export async function nearPairs(message: NearPairsMessage): Promise<NearPairs> {
  const { left, right, columns, from, maxPairs } = message
  const numRows = left.hasHash.length
  const found: Found = { first: [], second: [], distances: [], hamming: [] }
  const { embeddings: queries } = left
  const { embeddings: items } = right
  const scored =
    queries.length > 0 && items.length > 0
      ? new ScoredRows({ ...message, queries, items })
      : undefined
  let next = from
  while (next < numRows && found.first.length < maxPairs) {
    const to = Math.min(next + stripRows, numRows)
    const scores = scored && (await strip(scored, { from: next, to, columns }))
    const look = scored && scores && { scored, scores }
    for (let row = next; row < to; row++) scanRow(message, look, { row, from: next, found })
    next = to
  }
  return {
    first: Int32Array.from(found.first),
    second: Int32Array.from(found.second),
    distances: Float64Array.from(found.distances),
    hamming: Uint8Array.from(found.hamming),
    next,
  }
}

const noScores = new Float32Array(0)

interface Found {
  readonly first: number[]
  readonly second: number[]
  readonly distances: number[]
  readonly hamming: number[]
}

/** What the product says of a strip. */
interface Look {
  readonly scored: ScoredRows
  /** Of the strip's rows with all items, row after row. */
  readonly scores: Float32Array
}

/** Scores of some rows with all items, row after row. */
async function strip(
  { queries, items, bias }: ScoredRows,
  { from, to, columns }: { from: number; to: number; columns: number },
): Promise<Float32Array> {
  const numItems = bias.length
  const outputs = await runGraph(scoreGraph(), {
    queries: {
      type: 'float32',
      dims: [to - from, columns],
      values: queries.subarray(from * columns, to * columns),
    },
    items: { type: 'float32', dims: [numItems, columns], values: items },
    bias: { type: 'float32', dims: [1, numItems], values: bias },
  })
  return outputs['scores']?.values as Float32Array
}

function scanRow(
  message: NearPairsMessage,
  look: Look | undefined,
  { row, from, found }: { row: number; from: number; found: Found },
): void {
  const { left, right, columns, metric, limits } = message
  const numItems = right.hasHash.length
  const base = (row - from) * numItems
  const scored = left.hasEmbedding[row] === 1 ? look?.scored : undefined
  const scores = look?.scores ?? noScores
  const hashed = left.hasHash[row] === 1
  const a = left.hashes[2 * row] ?? 0
  const b = left.hashes[2 * row + 1] ?? 0
  /** At equal hashes, or without; a pair below it no hash helps. */
  const lowest = scored?.leastScore(row, Math.max(limits[0] ?? 0, limits[noHamming] ?? 0)) ?? 0
  for (let item = Math.max(0, left.offset + row + 1 - right.offset); item < numItems; item++) {
    const known = scored !== undefined && right.hasEmbedding[item] === 1
    if (known && (scores[base + item] ?? 0) < lowest) continue
    let hamming = noHamming
    if (hashed && right.hasHash[item] === 1)
      hamming = hammingDistance(
        a ^ (right.hashes[2 * item] ?? 0),
        b ^ (right.hashes[2 * item + 1] ?? 0),
      )
    const limit = limits[hamming] ?? -1
    if (known ? (scores[base + item] ?? 0) < scored.leastScore(row, limit) : limit !== Infinity)
      continue
    const exact = known
      ? distance(
          metric,
          { values: left.embeddings, from: row * columns },
          { values: right.embeddings, from: item * columns },
          columns,
        )
      : Number.NaN
    if (exact > limit) continue
    found.first.push(left.offset + row)
    found.second.push(right.offset + item)
    found.distances.push(exact)
    found.hamming.push(hamming)
  }
}

/** How many of 64 bits differ, given the differing bits; mirrored where that is less. */
export function hammingDistance(x: number, y: number): number {
  const even = bitCount((x & ~oddBits) | ((y & ~oddBits) << 1))
  const odd = bitCount((x & oddBits) | ((y & oddBits) >>> 1))
  return even + Math.min(odd, 32 - odd)
}

/** How many of the 32 bits are set. */
function bitCount(bits: number): number {
  let x = bits - ((bits >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
