import type { RecordBatch } from 'apache-arrow'
import { ParquetTable } from '../../src/parquet/parquet-table.ts'
import type { ParquetThread } from '../../src/parquet/parquet-thread.ts'
import { openBytes } from '../../src/storage/open-bytes.ts'

/** The rows of a file as `fromParquet` reads them, in a thread that is there. */
export async function* parquetRows(
  path: string,
  thread: ParquetThread,
): AsyncGenerator<RecordBatch> {
  const { signal } = new AbortController()
  const place = { table: path, partitions: new Map<string, null>(), open: () => openBytes(path) }
  const sizes = { batchRows: 4096, batchBytes: 2 ** 24, rowGroupBytes: 2 ** 29 }
  const names = { columns: undefined, idColumn: undefined, sourceName: undefined }
  const options = { ...sizes, ...names, conventions: 'huggingface', several: false } as const
  const table = await ParquetTable.open(place, options, { thread, context: { signal } })
  try {
    for (const index of table.rowGroups.keys()) {
      table.rawBytes(index)
      const file = await table.fetch(index, signal)
      const how = { schema: table.schema, from: 0, thread }
      for await (const [batch] of table.decode(file, index, how)) yield batch
    }
  } finally {
    await table.close()
  }
}
