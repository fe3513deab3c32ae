import { basename, dirname, join } from 'node:path'
import { RecordBatch, type Schema } from 'apache-arrow'
import type { Disk } from '../disk.ts'
import { DataError } from '../errors.ts'
import { type Control, type Reject, Rejects } from '../flow/control.ts'
import { writing } from '../output/output-file.ts'
import { replaceFolder } from '../output/replace-folder.ts'
import type { StoredPlanPart } from '../run/manifest.ts'
import { readStates, writeStates } from '../run/state-file.ts'
import { StoredTable, type StoredTableState } from './stored-table.ts'
import { TableFolder } from './table-folder.ts'
import { type TableState, TableWriter } from './table-writer.ts'

/** Rejects that came among the rows. */
interface PlacedRejects {
  /** Rows before them. */
  readonly row: number
  /** The rejects. */
  readonly rows: readonly Reject[]
}

/** What is written beside the table, when it is whole. */
interface CacheRecord {
  /** Tells it from other files. */
  readonly format: 'millrace-cache'
  /** Version of the folder's layout. */
  readonly version: 1
  /** What the rows were made by. */
  readonly plan: readonly StoredPlanPart[]
  /** The rows. */
  readonly table: StoredTableState
  /** The rejects, in the order in which they came. */
  readonly rejects: readonly PlacedRejects[]
}

/** A cache that is whole. */
export type StoredCache = Pick<CacheRecord, 'plan' | 'rejects'> & { readonly table: StoredTable }

/** How far a cache is read: rows and groups of rejects. */
export interface CachePosition {
  /** Rows. */
  readonly row: number
  /** Groups of rejects. */
  readonly rejects: number
}

/** What it takes to go on writing a cache. */
export interface CacheState {
  /** The folder, as it will be called. */
  readonly path: string
  /** As it is called. */
  readonly temporary: string
  /** What is in it. */
  readonly table: TableState
  /** The rejects so far. */
  readonly rejects: readonly PlacedRejects[]
}

const recordFile = 'cache.bin'

/**
 * The cache in the folder `path`; undefined if there is none.
 *
 * @throws {DataError} if what is there is damaged, or no cache
 */
export async function openCache(
  path: string,
  { disk, signal }: { readonly disk: Disk; readonly signal: AbortSignal },
): Promise<StoredCache | undefined> {
  if (!(await disk.stat(path))) return undefined
  try {
    const file = join(path, recordFile)
    const length = (await disk.stat(file))?.bytes ?? 0
    const [record] = (await readStates(disk, file, [length])) as [CacheRecord]
    const { format, version, plan, rejects } = record
    if (!isCurrent(format, version)) throw new Error(`${format} ${String(version)}`)
    const folder = TableFolder.at(path, disk)
    return { plan, rejects, table: await StoredTable.reopen(record.table, { folder, signal }) }
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause)
    throw new DataError(
      `Expected ${path} to be a whole cache, got ${got}: remove the folder, or name another one`,
      { url: path },
      { cause },
    )
  }
}

function isCurrent(format: unknown, version: unknown): boolean {
  return format === 'millrace-cache' && version === 1
}

/** Reads a cache from a position on: batches of the `columns` named, and rejects among them, each with the position after it. */
export async function* readCache(
  { table, rejects }: StoredCache,
  columns: readonly string[],
  from: CachePosition = { row: 0, rejects: 0 },
): AsyncGenerator<readonly [RecordBatch | Control, CachePosition]> {
  let { row, rejects: next } = from

  function* until(end: number): Generator<readonly [Control, CachePosition]> {
    for (let group; (group = rejects[next]) && group.row <= end;)
      yield [new Rejects(group.rows), { row, rejects: ++next }]
  }

  for await (const batch of table.read(columns, row)) {
    yield* until(row)
    row += batch.numRows
    yield [batch, { row, rejects: next }]
  }
  yield* until(Infinity)
}

/** Writes a cache under a hidden name beside its folder, which it is given when it is whole. */
export class CacheWriter {
  readonly #path: string
  readonly #temporary: string
  readonly #disk: Disk
  readonly #table: TableWriter
  readonly #rejects: PlacedRejects[] = []

  private constructor(place: Pick<CacheState, 'path' | 'temporary'>, disk: Disk, bytes: number) {
    this.#path = place.path
    this.#temporary = place.temporary
    this.#disk = disk
    const folder = TableFolder.at(place.temporary, disk)
    this.#table = new TableWriter(folder, { stage: 'rows', blocksBytes: bytes })
  }

  /** Starts a cache; `id` is part of its hidden name, `bytes` is for a block of each column. */
  static async create(
    path: string,
    { id, disk, bytes }: { id: string; disk: Disk; bytes: number },
  ): Promise<CacheWriter> {
    const temporary = join(dirname(path), `.${basename(path)}.${id}.tmp`)
    await writing(path, async () => {
      await disk.rm(temporary)
      await disk.mkdir(temporary)
    })
    return new CacheWriter({ path, temporary }, disk, bytes)
  }

  /** Goes on with a cache that was saved; undefined if it is gone, or whole by now. */
  static async resume(
    state: CacheState,
    { disk, bytes }: { disk: Disk; bytes: number },
  ): Promise<CacheWriter | undefined> {
    if (!(await disk.stat(state.temporary))) return undefined
    const writer = new CacheWriter(state, disk, bytes)
    await writing(state.path, () => writer.#table.restore(state.table))
    writer.#rejects.push(...state.rejects)
    return writer
  }

  /** Adds rows, or rejects at their place among them. */
  async push(value: RecordBatch | Rejects): Promise<void> {
    if (value instanceof RecordBatch) await writing(this.#path, () => this.#table.push(value))
    else this.#rejects.push({ row: this.#table.numRows, rows: value.rows })
  }

  /** Makes durable what was written; returns what it takes to go on. */
  async save(): Promise<CacheState> {
    const table = await writing(this.#path, () => this.#table.save())
    return { path: this.#path, temporary: this.#temporary, table, rejects: this.#rejects }
  }

  /** Makes the whole of it durable and gives it its name, in place of another cache. */
  async finish(plan: readonly StoredPlanPart[], schema: Schema): Promise<void> {
    const disk = this.#disk
    await writing(this.#path, async () => {
      const files = await this.#table.finish()
      const table = new StoredTable({
        schema: this.#table.schema ?? schema,
        numRows: this.#table.numRows,
        folder: TableFolder.at(this.#temporary, disk),
        files,
        signal: new AbortController().signal,
      })
      const { format, version } = { format: 'millrace-cache', version: 1 } as const
      const record = { format, version, plan, table: table.save(), rejects: this.#rejects }
      const path = join(this.#temporary, recordFile)
      await writeStates(disk, path, [['cache', record satisfies CacheRecord]])
      const file = await disk.open(path, 'update')
      await file.sync().finally(() => file.close())
      await disk.syncFolder(this.#temporary)
      await replaceFolder(this.#temporary, this.#path, disk)
    })
  }

  /** Closes the files and leaves them. */
  async close(): Promise<void> {
    await this.#table.close()
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.close()
    await this.#disk.rm(this.#temporary).catch(() => undefined)
  }
}
