import { rounding } from '../kernels/distance.ts'
import { kernel } from '../kernels/kernel.ts'
import { blocks, type PairSource, type Piece, pieces } from './duplicate-rows.ts'

/**
 * How far each row is from its `k` nearest others, over all rows and ascending, without those at
 * the same point: these are found anyway, and say nothing of where the others begin.
 */
export async function neighborDistances(source: PairSource, k: number): Promise<Float64Array> {
  const { metric, table } = source
  const distances = new Float64Array(table.numRows * k).fill(Infinity)
  const rows = new Int32Array(table.numRows * k).fill(-1)
  let itemOffset = 0
  for await (const block of blocks(source)) {
    const items = present(block)
    let queryOffset = 0
    for await (const piece of pieces(source, table.numRows)) {
      const queries = present(piece)
      const from = queryOffset * k
      const to = from + (queries.length / piece.columns) * k
      const found = await kernel().call('nearest', {
        columns: piece.columns,
        ...{ queries, items, queryOffset, itemOffset, k, metric },
        distances: distances.slice(from, to),
        rows: rows.slice(from, to),
      })
      distances.set(found.distances, from)
      rows.set(found.rows, from)
      queryOffset = to / k
    }
    itemOffset += items.length / block.columns
  }
  return distances.filter((found) => found > rounding(metric) && found !== Infinity).sort()
}

/** The embeddings of the rows that have one, one after another. */
function present({ block, columns }: Piece): Float32Array {
  const { embeddings, hasEmbedding } = block
  if (hasEmbedding.every((there) => there === 1)) return embeddings
  const out = new Float32Array(hasEmbedding.reduce((sum, there) => sum + there, 0) * columns)
  let at = 0
  for (const [row, there] of hasEmbedding.entries()) {
    if (there === 0) continue
    out.set(embeddings.subarray(row * columns, (row + 1) * columns), at)
    at += columns
  }
  return out
}
