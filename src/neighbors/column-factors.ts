import type { StoredTable } from '../table/column-store.ts'
import { embeddingRows } from './embedding-rows.ts'

/** What brings each column of the embeddings to length 1 over all rows; 0 for a column of zeros. */
export async function columnFactors(table: StoredTable, name: string): Promise<Float64Array> {
  let squares = new Float64Array(0)
  let offset = 0
  for await (const batch of table.read([name])) {
    const { columns, values } = embeddingRows(batch, name, offset)
    if (squares.length === 0) squares = new Float64Array(columns)
    for (let at = 0; at < values.length; at++)
      squares[at % columns] = (squares[at % columns] ?? 0) + (values[at] ?? 0) ** 2
    offset += batch.numRows
  }
  return squares.map((sum) => (sum === 0 ? 0 : 1 / Math.sqrt(sum)))
}
