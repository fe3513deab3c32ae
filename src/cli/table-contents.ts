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
