import { column } from '../batch/batch.ts'
import { requireField } from '../batch/schema.ts'
import { openFile } from '../storage/file-bytes.ts'
import { ParquetFile } from './parquet-file.ts'
import { ParquetThread } from './parquet-thread.ts'

/** Where the points of a file are. */
export interface StoredPointsOptions {
  /** Text column that says whose a point is. */
  readonly key: string
  /** Number columns, one per coordinate. */
  readonly columns: readonly string[]
  /** Aborts reading. */
  readonly signal: AbortSignal
}

const batchRows = 4096

/**
 * The points of the Parquet file at `path`, by key; of a key that comes again, the last. A point with a
 * null is none.
 *
 * @throws {ConnectorError} if the file cannot be read
 * @throws {DataError} if it is damaged
 * @throws {SchemaError} if it lacks a column, or has another kind there
 */
export async function storedPoints(
  path: string,
  { key, columns, signal }: StoredPointsOptions,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const bytes = await openFile(path)
  const thread = new ParquetThread()
  const points = new Map<string, readonly number[]>()
  try {
    const file = await ParquetFile.open(bytes, signal)
    const schema = await file.schema(new Set(file.footer.columns), thread)
    requireField(schema, key, { owner: `manual in ${path}`, kind: 'text' })
    for (const name of columns)
      requireField(schema, name, { owner: `manual in ${path}`, kind: 'number' })
    const asked = { columns: new Set([key, ...columns]), batchRows, first: 0, thread, signal }
    for (const group of file.footer.rowGroups)
      for await (const batch of file.rows(group, asked)) {
        const keys = column(batch, key)
        const vectors = columns.map((name) => column(batch, name))
        for (let row = 0; row < batch.numRows; row++)
          if (vectors.every((vector) => vector.isValid(row)))
            points.set(
              String(keys.get(row)),
              vectors.map((vector) => Number(vector.get(row))),
            )
      }
    return points
  } finally {
    await bytes.close()
    await thread.close()
  }
}
