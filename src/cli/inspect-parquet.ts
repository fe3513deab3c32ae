import type { RecordBatch } from 'apache-arrow'
import type { ByteSource } from '../storage/byte-source.ts'
import { ParquetFile } from '../parquet/parquet-file.ts'
import { ParquetThread } from '../parquet/parquet-thread.ts'
import type { TableContents } from './table-contents.ts'

const magic = 'PAR1'

/** What is in a Parquet file that begins with `start`: its footer, and of the rows only the first; undefined if it is none. */
export async function inspectParquet(
  bytes: ByteSource,
  start: Buffer,
  rows: number,
): Promise<TableContents | undefined> {
  if (start.toString('latin1', 0, magic.length) !== magic) return undefined
  const { signal } = new AbortController()
  const thread = new ParquetThread()
  try {
    const file = await ParquetFile.open(bytes, signal)
    const { footer } = file
    const columns = new Set(footer.columns)
    const { fields } = await file.schema(columns, thread)
    const head: RecordBatch[] = []
    let held = 0
    for (const rowGroup of footer.rowGroups) {
      if (held >= rows) break
      const options = { columns, batchRows: Math.max(1, rows), first: 0, thread, signal }
      for await (const batch of file.rows(rowGroup, options)) {
        head.push(batch)
        held += batch.numRows
        if (held >= rows) break
      }
    }
    const rowGroups = footer.rowGroups.map((group) => group.numRows)
    return { format: 'parquet', numRows: footer.numRows, rowGroups, fields, head }
  } finally {
    await thread.close()
  }
}
