import type { StoredTable } from '../table/column-store.ts'
import type { Metric } from '../kernels/distance.ts'
import type { PairBlock } from '../kernels/near-pairs.ts'
import { embeddingRows } from './embedding-rows.ts'

/** Rows of a block held against the others at most. */
const blockRows = 16_384

/** What takes part in the search for near pairs. */
export interface PairSource {
  /** The rows. */
  readonly table: StoredTable
  /** Column of embeddings, if there is one. */
  readonly embedding: string | undefined
  /** How far apart embeddings are. */
  readonly metric: Metric
  /** What each column of the embeddings is multiplied by first, if by anything. */
  readonly factors?: Float64Array | undefined
  /** Two words of 32 bits per row. */
  readonly hashes: Uint32Array
  /** Per row: 1 if it has a hash. */
  readonly hasHash: Uint8Array
  /** The Hamming distance of two rows, if it is not the usual one (mirrored or not). */
  readonly hamming?: (a: number, b: number) => number
  /** Bytes of embeddings held against the others, or while groups are checked, at most. */
  readonly blockBytes: number
  /** Per row: 0 for those left out, because an earlier row has the same content. */
  readonly takesPart: Uint8Array
}

/** The embeddings of `rows` (ascending), without those that have none. */
export async function embeddingsOf(
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

/** Rows that follow one another. */
export interface Piece {
  /** What is compared of them. */
  readonly block: PairBlock
  /** Length of an embedding. */
  readonly columns: number
}

/** The rows below `end`, as the table's reading cuts them. */
export async function* pieces(source: PairSource, end: number): AsyncGenerator<Piece> {
  const { table, embedding, factors, takesPart } = source
  if (embedding === undefined) {
    for (let offset = 0; offset < end; offset += blockRows)
      yield withHashes(source, { offset, to: Math.min(end, offset + blockRows) })
    return
  }
  let offset = 0
  for await (const batch of table.read([embedding])) {
    if (offset >= end) return
    const rows = embeddingRows(batch, embedding, offset)
    if (factors) scaleColumns(rows.values, factors)
    const to = offset + batch.numRows
    const hasEmbedding = rows.present.map((there, i) => there & (takesPart[offset + i] ?? 0))
    yield withHashes(source, { offset, to }, { ...rows, hasEmbedding })
    offset = to
  }
}

function scaleColumns(values: Float32Array, factors: Float64Array): void {
  for (let at = 0; at < values.length; at++)
    values[at] = (values[at] ?? 0) * (factors[at % factors.length] ?? 0)
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
export async function* blocks(source: PairSource): AsyncGenerator<Piece> {
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
