import { createRequire } from 'node:module'

/** parquetjs-lite, an independent implementation without types: what the tests use of it. */
interface ParquetJs {
  readonly ParquetSchema: new (fields: Readonly<Record<string, object>>) => object
  readonly ParquetWriter: {
    openFile(
      schema: object,
      path: string,
      options?: { rowGroupSize?: number; useDataPageV2?: boolean },
    ): Promise<{
      appendRow(row: object): Promise<void>
      close(): Promise<void>
      setRowGroupSize(n: number): void
    }>
  }
  readonly ParquetReader: {
    openFile(path: string): Promise<{
      getCursor(): { next(): Promise<Record<string, unknown> | null> }
      close(): Promise<void>
    }>
  }
}

const parquetjs = createRequire(import.meta.url)('parquetjs-lite') as ParquetJs

/** Writes `rows` with parquetjs-lite. */
export async function writeWithParquetJs(
  path: string,
  fields: Readonly<Record<string, object>>,
  rows: readonly object[],
  rowGroupRows = 1000,
  useDataPageV2 = false,
): Promise<void> {
  const schema = new parquetjs.ParquetSchema(fields)
  const writer = await parquetjs.ParquetWriter.openFile(schema, path, { useDataPageV2 })
  writer.setRowGroupSize(rowGroupRows)
  for (const row of rows) await writer.appendRow(row)
  await writer.close()
}

/** Reads all rows with parquetjs-lite. */
export async function readWithParquetJs(path: string): Promise<Record<string, unknown>[]> {
  const reader = await parquetjs.ParquetReader.openFile(path)
  const cursor = reader.getCursor()
  const rows: Record<string, unknown>[] = []
  for (let row; (row = await cursor.next());) rows.push(row)
  await reader.close()
  return rows
}
