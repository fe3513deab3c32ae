import { distance } from '../kernels/distance.ts'
import { kernel } from '../kernels/kernel.ts'
import { hammingDistance, type NearPairs, noHamming } from '../kernels/near-pairs.ts'
import type { Star, StarDistances } from '../models/duplicate-groups.ts'
import { calibratedScale, type PairScale } from '../models/duplicate-evidence.ts'
import { blocks, embeddingsOf, type PairSource, pieces } from './duplicate-rows.ts'

/** Rows sampled to see what the data's pairs look like. */
const sampleRows = 1024
/** Near pairs that the kernel worker returns at a time, roughly. */
const pairsAtATime = 1_000_000

/** What pairs of rows look like in general, from up to 1,024 rows evenly spread; calibrated values where there are too few. */
export async function samplePairScale(source: PairSource): Promise<PairScale> {
  const rows = evenlySpread(source.takesPart, sampleRows)
  const { columns, values } = await embeddingsOf(source, rows)
  const hashed = rows.filter((row) => source.hasHash[row] === 1)
  const hashes = Uint32Array.from(
    hashed.flatMap((row) => [source.hashes[2 * row] ?? 0, source.hashes[2 * row + 1] ?? 0]),
  )
  const { distance: found, lowHamming } = await kernel().call('pairScale', {
    columns,
    embeddings: values,
    hashes,
  })
  return {
    medianDistance: found?.median ?? calibratedScale.medianDistance,
    lowDistance: found?.low ?? calibratedScale.lowDistance,
    lowHamming: lowHamming ?? calibratedScale.lowHamming,
  }
}

/**
 * Yields the near pairs of a table, by reading it once for each block of 16,384 rows (or `blockBytes` of
 * embeddings), which is held against all rows before its end. Never more than two blocks in memory.
 */
export async function* searchPairs(
  source: PairSource,
  limits: Float64Array,
): AsyncGenerator<NearPairs> {
  for await (const right of blocks(source)) {
    const end = right.block.offset + right.block.hasHash.length
    for await (const left of pieces(source, end)) {
      const { columns } = right
      const numRows = left.block.hasHash.length
      for (let from = 0; from < numRows;) {
        const found = await kernel().call('nearPairs', {
          columns,
          metric: source.metric,
          left: left.block,
          right: right.block,
          limits,
          from,
          maxPairs: pairsAtATime,
        })
        yield found
        from = found.next
      }
    }
  }
}

/** Measures the rows of each star against the kept one; holds at most `blockBytes` of kept embeddings at a time. */
export async function measureStars(
  source: PairSource,
  stars: readonly Star[],
): Promise<StarDistances[]> {
  const out = stars.map(({ kept, others }) => ({
    distances: new Float64Array(others.length).fill(Number.NaN),
    hamming: Uint8Array.from(others, (row) => hammingOf(source, kept, row)),
  }))
  if (source.embedding === undefined) return out
  const { columns } = await embeddingsOf(source, [0])
  const atOnce = Math.max(1, Math.floor(source.blockBytes / (4 * columns)))
  for (let from = 0; from < stars.length; from += atOnce)
    await measureEmbeddings(source, stars.slice(from, from + atOnce), out.slice(from))
  return out
}

async function measureEmbeddings(
  source: PairSource,
  stars: readonly Star[],
  out: readonly StarDistances[],
): Promise<void> {
  const keptRows = stars.map((star) => star.kept).sort((a, b) => a - b)
  const kept = await embeddingsOf(source, keptRows)
  const placeOf = new Map(kept.rows.map((row, at) => [row, at]))
  const wanted = new Map<number, { star: number; at: number }>()
  for (const [star, { others }] of stars.entries())
    for (const [at, row] of others.entries()) wanted.set(row, { star, at })
  for await (const { block, columns } of pieces(source, source.table.numRows))
    for (const [i, there] of block.hasEmbedding.entries()) {
      const place = there === 1 ? wanted.get(block.offset + i) : undefined
      const to = place && placeOf.get(stars[place.star]?.kept ?? -1)
      const distances = place && out[place.star]?.distances
      if (to === undefined || !distances) continue
      const a = { values: kept.values, from: to * columns }
      distances[place.at] = distance(
        source.metric,
        a,
        { values: block.embeddings, from: i * columns },
        columns,
      )
    }
}

function hammingOf({ hashes, hasHash, hamming }: PairSource, a: number, b: number): number {
  if (hamming) return hamming(a, b)
  if (hasHash[a] !== 1 || hasHash[b] !== 1) return noHamming
  return hammingDistance(
    (hashes[2 * a] ?? 0) ^ (hashes[2 * b] ?? 0),
    (hashes[2 * a + 1] ?? 0) ^ (hashes[2 * b + 1] ?? 0),
  )
}

/** At most `most` of the rows that take part, the same distance apart. */
function evenlySpread(takesPart: Uint8Array, most: number): number[] {
  const rows = [...takesPart.keys()].filter((row) => takesPart[row] === 1)
  if (rows.length <= most) return rows
  return Array.from({ length: most }, (_, i) => rows[Math.floor((i * rows.length) / most)] ?? 0)
}
