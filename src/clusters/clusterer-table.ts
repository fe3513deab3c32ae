import { Bool, Field, Int32, type RecordBatch, vectorFromArray } from 'apache-arrow'
import { batchOf, column as columnOf } from '../batch/batch.ts'
import { tensorMatrix } from '../batch/tensor.ts'
import { DataError, OptionError } from '../errors.ts'
import type { ClustererMethods } from '../models/clusterer-worker.ts'
import type { Float64Rows } from '../models/prim-linkage.ts'
import { presence } from '../neighbors/embedding-rows.ts'
import type { StoredTable } from '../table/column-store.ts'
import { WorkerThread } from '../worker.ts'

/** The fields that are added. */
export const clustererFields = [
  new Field('outlier', new Bool(), true),
  new Field('potential_outlier', new Bool(), true),
  new Field('duplicate_group', new Int32(), true),
  new Field('potential_duplicate_group', new Int32(), true),
]

/** Yields for each row of a table what the Clusterer says of it. */
export async function* clustererTable(
  table: StoredTable,
  { column, maxRows }: { readonly column: string; readonly maxRows: number },
): AsyncGenerator<RecordBatch> {
  const { rows, places } = await read(table, column, maxRows)
  const answers = await answersFor(rows, places.length)
  const byRow = new Array<readonly unknown[]>(table.numRows).fill([])
  for (const [i, place] of places.entries()) byRow[place] = answers[i] ?? []
  const columns = clustererFields.map((field, at) => ({
    field,
    vector: vectorFromArray(
      byRow.map((values) => values[at] ?? null),
      field.type,
    ),
  }))
  yield batchOf(columns)
}

/** The rows that have an embedding, in float64, and where they are in the table. */
async function read(
  table: StoredTable,
  column: string,
  maxRows: number,
): Promise<{ rows: Float64Rows; places: number[] }> {
  const parts: number[] = []
  const places: number[] = []
  let columns = 1
  let offset = 0
  for await (const batch of table.read([column])) {
    const vector = columnOf(batch, column)
    const matrix = tensorMatrix(vector)
    columns = matrix.columns
    for (const [row, there] of presence(vector).entries()) {
      if (there === 0) continue
      if (places.push(offset + row) > maxRows)
        throw new OptionError(
          `Expected at most ${String(maxRows)} rows for clusterer, whose time grows with their square, got more: take \`clusters\`, or \`sample\` them first`,
        )
      for (const value of matrix.values.subarray(row * columns, (row + 1) * columns)) {
        if (!Number.isFinite(value))
          throw new DataError(
            `Expected finite values in column \`${column}\`, got ${String(value)} at row ${String(offset + row)}`,
            { url: column },
          )
        parts.push(value)
      }
    }
    offset += batch.numRows
  }
  return { rows: { columns, values: Float64Array.from(parts) }, places }
}

/** For each row the values of the fields. One row alone is nothing to say of. */
async function answersFor(rows: Float64Rows, numRows: number): Promise<unknown[][]> {
  if (numRows < 2) return []
  const worker = new WorkerThread<ClustererMethods>(import.meta.url, '../models/clusterer-worker')
  try {
    const found = await worker.call('clusterRows', rows)
    const outliers = new Set(found.outliers)
    const potential = new Set(found.potentialOutliers)
    const groups = numbersIn(found.duplicates)
    const near = numbersIn(found.potentialDuplicates)
    return Array.from({ length: numRows }, (_, row) => [
      ...[outliers.has(row), potential.has(row)],
      ...[groups.get(row), near.get(row)],
    ])
  } finally {
    await worker.close()
  }
}

/** By row the number of its group. */
function numbersIn(groups: readonly (readonly number[])[]): Map<number, number> {
  return new Map(groups.flatMap((rows, group) => rows.map((row) => [row, group] as const)))
}
