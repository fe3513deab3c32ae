import { unitRows } from './distance.ts'
import { hammingDistance } from './near-pairs.ts'
import { scoreGraph } from './scores.ts'
import { runGraph } from './sessions.ts'

/** A sample of rows. */
export interface PairScaleMessage {
  /** Length of an embedding. */
  readonly columns: number
  /** Embeddings of the sampled rows that have one. */
  readonly embeddings: Float32Array
  /** Two words of 32 bits for each sampled row that has a hash. */
  readonly hashes: Uint32Array
}

/** Quantiles over the pairs of a sample; undefined with too few rows. */
export interface PairQuantiles {
  /** Of 1 − cos: the median and the pair at one in a hundred. */
  readonly distance?: { readonly median: number; readonly low: number }
  /** Of the Hamming distance: the pair at one in a hundred. */
  readonly lowHamming?: number
}

/** Fewer rows than this say too little: 2,016 pairs, of which 20 are in the lowest hundredth. */
const leastRows = 64
/** A row this much nearer to an earlier one than the median pair is its copy and says nothing. */
const copyShare = 0.1
/** A hash at most this far from an earlier one is of a copy. */
const copyBits = 4

/**
 * Measures all pairs of a sample, leaving out rows that copy an earlier one, so that what is
 * sought does not shape the scale by which it is judged.
 */
export async function pairScale(message: PairScaleMessage): Promise<PairQuantiles> {
  const distance = await distanceQuantiles(message)
  const lowHamming = hammingQuantile(message.hashes)
  return { ...(distance && { distance }), ...(lowHamming !== undefined && { lowHamming }) }
}

async function distanceQuantiles({
  columns,
  embeddings,
}: PairScaleMessage): Promise<PairQuantiles['distance']> {
  const { values, lengths } = unitRows(embeddings, columns)
  const numRows = lengths.length
  if (numRows < leastRows) return undefined
  const rows = { type: 'float32', dims: [numRows, columns], values } as const
  const bias = { type: 'float32', dims: [1, numRows], values: new Float32Array(numRows) } as const
  const outputs = await runGraph(scoreGraph(), { queries: rows, items: rows, bias })
  const scores = outputs['scores']?.values as Float32Array
  function distanceOf(a: number, b: number): number {
    return 1 - (scores[a * numRows + b] ?? 0)
  }
  const all = Array.from({ length: numRows }, (_, row) => row)
  const median = quantile(pairsOf(all, distanceOf), 0.5)
  const kept = originals(numRows, (a, b) => distanceOf(a, b) < copyShare * median)
  if (kept.length < leastRows) return undefined
  const pairs = pairsOf(kept, distanceOf)
  return { median: quantile(pairs, 0.5), low: quantile(pairs, 0.01) }
}

function hammingQuantile(hashes: Uint32Array): number | undefined {
  function bits(a: number, b: number): number {
    return hammingDistance(
      (hashes[2 * a] ?? 0) ^ (hashes[2 * b] ?? 0),
      (hashes[2 * a + 1] ?? 0) ^ (hashes[2 * b + 1] ?? 0),
    )
  }
  const kept = originals(hashes.length / 2, (a, b) => bits(a, b) <= copyBits)
  return kept.length < leastRows ? undefined : quantile(pairsOf(kept, bits), 0.01)
}

/** The rows that copy no earlier one of those kept. */
function originals(numRows: number, copies: (a: number, b: number) => boolean): number[] {
  const kept: number[] = []
  for (let row = 0; row < numRows; row++)
    if (!kept.some((earlier) => copies(earlier, row))) kept.push(row)
  return kept
}

/** The measure of every pair, ascending. */
function pairsOf(rows: readonly number[], measure: (a: number, b: number) => number): Float64Array {
  const out = new Float64Array((rows.length * (rows.length - 1)) / 2)
  let at = 0
  for (const [i, a] of rows.entries()) for (const b of rows.slice(i + 1)) out[at++] = measure(a, b)
  return out.sort()
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
}
