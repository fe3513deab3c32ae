import { DataError } from '../errors.ts'
import type { StoredTable } from '../table/column-store.ts'
import { embeddingRows } from './embedding-rows.ts'

/**
 * Reads the embeddings of a table, and checks that their values lie in 0 to 1.
 *
 * @throws {DataError} if one does not
 */
export async function requireUnitInterval(table: StoredTable, name: string): Promise<void> {
  let offset = 0
  for await (const batch of table.read([name])) {
    const { values, columns } = embeddingRows(batch, name, offset)
    for (const [at, value] of values.entries())
      if (value < 0 || value > 1)
        throw new DataError(
          `Expected values from 0 to 1 in column \`${name}\`, got ${String(value)} at row ${String(offset + Math.floor(at / columns))}`,
          { url: name },
        )
    offset += batch.numRows
  }
}
