import type { StoredTable } from '../table/column-store.ts'
import { embeddingRows } from './embedding-rows.ts'
import { distance } from '../kernels/distance.ts'
import { kernel } from '../kernels/kernel.ts'
import {
  hammingDistance,
  type NearPairs,
  noHamming,
  type PairBlock,
} from '../kernels/near-pairs.ts'
import type { Star, StarDistances } from '../models/duplicate-groups.ts'
import { calibratedScale, type PairScale } from '../models/duplicate-evidence.ts'

/** Rows sampled to see what the data's pairs look like. */
const sampleRows = 1024
/** Rows of a block held against the others at most. */
const blockRows = 16_384
/** Near pairs that the kernel worker returns at a time, roughly. */
const pairsAtATime = 1_000_000

/** What takes part in the search for near pairs. */
export interface PairSource {
  /** The rows. */
  readonly table: StoredTable
  /** Column of embeddings, if there is one. */
  readonly embedding: string | undefined
  /** Two words of 32 bits per row. */
  readonly hashes: Uint32Array
  /** Per row: 1 if it has a hash. */
  readonly hasHash: Uint8Array
  /** Bytes of embeddings held against the others, or while groups are checked, at most. */
  readonly blockBytes: number
  /** Per row: 0 for those left out, because an earlier row has the same content. */
  readonly takesPart: Uint8Array
}

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
        'cosine',
        a,
        { values: block.embeddings, from: i * columns },
        columns,
      )
    }
}

function hammingOf({ hashes, hasHash }: PairSource, a: number, b: number): number {
  if (hasHash[a] !== 1 || hasHash[b] !== 1) return noHamming
  return hammingDistance(
    (hashes[2 * a] ?? 0) ^ (hashes[2 * b] ?? 0),
    (hashes[2 * a + 1] ?? 0) ^ (hashes[2 * b + 1] ?? 0),
  )
}

/** The embeddings of `rows` (ascending), without those that have none. */
async function embeddingsOf(
  source: PairSource,
  rows: readonly number[],
): Promise<{ columns: number; rows: number[]; values: Float32Array }> {
  const found: number[] = []
  const parts: Float32Array[] = []
  let columns = 1
  let next = 0
  for await (const piece of pieces(source, (rows.at(-1) ?? -1) + 1)) {
    const { offset, hasEmbedding, embeddings } = piece.block
    columns = piece.columns
    for (; next < rows.length && (rows[next] ?? 0) < offset + hasEmbedding.length; next++) {
      const at = (rows[next] ?? 0) - offset
      if (hasEmbedding[at] !== 1) continue
      found.push(offset + at)
      parts.push(embeddings.slice(at * columns, (at + 1) * columns))
    }
  }
  const values = new Float32Array(parts.length * columns)
  for (const [i, part] of parts.entries()) values.set(part, i * columns)
  return { columns, rows: found, values }
}

interface Piece {
  readonly block: PairBlock
  readonly columns: number
}

/** The rows below `end`, as the table's reading cuts them. */
async function* pieces(source: PairSource, end: number): AsyncGenerator<Piece> {
  const { table, embedding, takesPart } = source
  if (embedding === undefined) {
    for (let offset = 0; offset < end; offset += blockRows)
      yield withHashes(source, { offset, to: Math.min(end, offset + blockRows) })
    return
  }
  let offset = 0
  for await (const batch of table.read([embedding])) {
    if (offset >= end) return
    const rows = embeddingRows(batch, embedding, offset)
    const to = offset + batch.numRows
    const hasEmbedding = rows.present.map((there, i) => there & (takesPart[offset + i] ?? 0))
    yield withHashes(source, { offset, to }, { ...rows, hasEmbedding })
    offset = to
  }
}

function withHashes(
  { hashes, hasHash, takesPart }: PairSource,
  { offset, to }: { offset: number; to: number },
  embedded?: { columns: number; values: Float32Array; hasEmbedding: Uint8Array },
): Piece {
  const block = {
    offset,
    embeddings: embedded?.values ?? new Float32Array(0),
    hasEmbedding: embedded?.hasEmbedding ?? new Uint8Array(to - offset),
    hashes: hashes.slice(2 * offset, 2 * to),
    hasHash: hasHash.slice(offset, to).map((there, i) => there & (takesPart[offset + i] ?? 0)),
  }
  return { block, columns: embedded?.columns ?? 1 }
}

/** The rows in as few blocks as memory allows. */
async function* blocks(source: PairSource): AsyncGenerator<Piece> {
  let held: Piece[] = []
  let rows = 0
  let bytes = 0
  for await (const piece of pieces(source, source.table.numRows)) {
    const more = piece.block.hasHash.length
    const moreBytes = piece.block.embeddings.byteLength
    if (held.length > 0 && (rows + more > blockRows || bytes + moreBytes > source.blockBytes)) {
      yield join(held)
      held = []
      rows = bytes = 0
    }
    held.push(piece)
    rows += more
    bytes += moreBytes
  }
  if (held.length > 0) yield join(held)
}

function join(pieces: readonly Piece[]): Piece {
  const [first] = pieces
  if (!first || pieces.length === 1) return first as Piece
  const blocks = pieces.map((piece) => piece.block)
  return {
    columns: first.columns,
    block: {
      offset: first.block.offset,
      embeddings: joinArrays(
        new Float32Array(blocks.reduce((sum, b) => sum + b.embeddings.length, 0)),
        blocks.map((b) => b.embeddings),
      ),
      hashes: joinArrays(
        new Uint32Array(blocks.reduce((sum, b) => sum + b.hashes.length, 0)),
        blocks.map((b) => b.hashes),
      ),
      hasEmbedding: Uint8Array.from(blocks.flatMap((b) => [...b.hasEmbedding])),
      hasHash: Uint8Array.from(blocks.flatMap((b) => [...b.hasHash])),
    },
  }
}

function joinArrays<A extends Float32Array | Uint32Array>(target: A, parts: readonly A[]): A {
  let at = 0
  for (const part of parts) {
    target.set(part, at)
    at += part.length
  }
  return target
}

/** At most `most` of the rows that take part, the same distance apart. */
function evenlySpread(takesPart: Uint8Array, most: number): number[] {
  const rows = [...takesPart.keys()].filter((row) => takesPart[row] === 1)
  if (rows.length <= most) return rows
  return Array.from({ length: most }, (_, i) => rows[Math.floor((i * rows.length) / most)] ?? 0)
}
