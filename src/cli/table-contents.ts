import { open } from 'node:fs/promises'
import type { Field, RecordBatch } from 'apache-arrow'

/** What is in a file of rows. */
export interface TableContents {
  /** How its bytes are laid out. */
  readonly format: 'parquet' | 'arrow file' | 'arrow stream'
  /** How many rows. */
  readonly numRows: number
  /** Rows of each row group (Parquet) or record batch (Arrow). */
  readonly rowGroups: readonly number[]
  /** Its columns. */
  readonly fields: readonly Field[]
  /** At least as many of the first rows as were asked for, if there are so many. */
  readonly head: readonly RecordBatch[]
}

/** The first 8 bytes of a file, or as many as it has. */
export async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path)
  try {
    const start = Buffer.alloc(8)
    const { bytesRead } = await file.read(start, 0, 8, 0)
    return start.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
