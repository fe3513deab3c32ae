import { batchOf, textColumn } from '../batch/batch.ts'
import { tensorColumn } from '../batch/tensor.ts'
import type { Run } from '../run/run-state.ts'
import { StoredTable } from '../table/stored-table.ts'
import { TableFolder } from '../table/table-folder.ts'
import { type TableState, TableWriter } from '../table/table-writer.ts'
import { type PresentRows, presentRows } from './neighbor-search.ts'
import { failPoint } from '../run/fail-point.ts'

const columnName = 'embedding'

/** Where the rows of an index are kept in a run with checkpoints. */
export interface RowLogPlace {
  /** The run. */
  readonly run: Run
  /** Key of the slot whose rows they are. */
  readonly key: string
  /** Ends the reading. */
  readonly signal: AbortSignal
}

/** What it takes to go on with a log. */
export interface RowLogState {
  /** Name of its folder in that of the run. */
  readonly folder: string
  /** What is in it. */
  readonly table: TableState
}

/** Bytes of rows that are held for a block of the log. */
const blocksBytes = 2 ** 23

/**
 * The rows of an index that grows, on disk, each written once. A checkpoint has the length of the log;
 * a resumed run cuts the log back to it and inserts its rows again. That takes a resumed run the time
 * of the insertions, and no checkpoint the time to write an index; and it gives the same index,
 * which loading a saved one does not: usearch 2.25 links rows inserted after `load` otherwise than
 * rows inserted without one.
 */
export class RowLog {
  readonly #place: RowLogPlace
  readonly #folder: TableFolder
  readonly #writer: TableWriter

  private constructor(place: RowLogPlace, folder: TableFolder) {
    this.#place = place
    this.#folder = folder
    this.#writer = new TableWriter(folder, { stage: 'rows', blocksBytes })
  }

  /** A log without rows. */
  static async create(place: RowLogPlace): Promise<RowLog> {
    return new RowLog(place, await TableFolder.create(place.run, place.key))
  }

  /** The log that was saved. */
  static async reopen(place: RowLogPlace, { folder, table }: RowLogState): Promise<RowLog> {
    const log = new RowLog(place, await TableFolder.reopen(place.run, folder))
    await log.#writer.restore(table)
    return log
  }

  /** Adds rows; those of less than a block are held. */
  async push({ matrix, ids }: Pick<PresentRows, 'matrix' | 'ids'>): Promise<void> {
    const rows = tensorColumn(columnName, [matrix.columns], matrix.values)
    await this.#writer.push(batchOf([textColumn('id', ids), rows]))
  }

  /** Makes all rows durable; returns what it takes to go on. */
  async save(): Promise<RowLogState> {
    const table = await this.#writer.save()
    failPoint('index: saving')
    return { folder: this.#folder.name, table }
  }

  /** The rows that were there when it was reopened. */
  async *read(): AsyncGenerator<PresentRows> {
    const { schema, numRows, files } = this.#writer
    if (!schema) return
    const { signal } = this.#place
    const table = new StoredTable({ schema, numRows, folder: this.#folder, files, signal })
    for await (const batch of table.read()) yield presentRows(batch, columnName, 0)
  }

  /** Closes the files, which stay. */
  async close(): Promise<void> {
    await this.#writer.close()
  }
}
