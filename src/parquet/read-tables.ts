import type { RecordBatch, Schema } from 'apache-arrow'
import { ConnectorError } from '../errors.ts'
import type { Context } from '../flow/context.ts'
import { type GroupWork, inOrder } from './in-order.ts'
import { decodingBytes } from './limits.ts'
import { ParquetFile } from './parquet-file.ts'
import { parquetFiles, type ParquetLocations, type ParquetPlace } from './parquet-files.ts'
import { ParquetTable, type TableOptions } from './parquet-table.ts'
import { ParquetThread } from './parquet-thread.ts'

/** A share of the row groups of all files: the one with this `index`, of so many. */
export interface Share {
  /** Which one, from 0. */
  readonly index: number
  /** How many there are. */
  readonly of: number
}

/** What is read, and how. */
export interface ReadOptions extends Omit<TableOptions, 'several'>, ParquetLocations {
  /** The row groups that are read; undefined for all. */
  readonly share: Share | undefined
  /** Threads that decode. */
  readonly threads: number
}

/** What comes next: a file by its name in ids, a row group of it, and a row of that. */
export interface Position {
  /** See {@link ParquetPlace}. */
  readonly table: string
  /** Row group, from 0. */
  readonly rowGroup: number
  /** Row in it, from 0. */
  readonly row: number
}

/** A batch, and the position after it. */
type Placed = [RecordBatch, Position]

/** Rows by the footers, of the share that is read. */
export async function countRows(options: ReadOptions, signal: AbortSignal): Promise<number> {
  const files = await groupRows(await parquetFiles(options, signal), signal)
  const isRead = inShare(options.share, files)
  return files.flat().reduce((sum, rows, group) => (isRead(group) ? sum + rows : sum), 0)
}

/** The schema, by the footer of the first file. */
export async function schemaOf(options: ReadOptions): Promise<Schema> {
  const thread = new ParquetThread()
  const { signal } = new AbortController()
  try {
    const [first, ...others] = await parquetFiles(options, signal)
    const several = others.length > 0
    const reader = { thread, context: { signal } }
    const table = await ParquetTable.open(first, { ...options, several }, reader)
    await table.close()
    return table.schema
  } finally {
    await thread.close()
  }
}

/** The rows of all files, from a position on. */
export async function* readTables(
  options: ReadOptions,
  context: Context,
  from: Position | undefined,
): AsyncGenerator<Placed> {
  const { threads: count, rowGroupBytes } = options
  const memoryBytes = decodingBytes(rowGroupBytes)
  const threads = Array.from({ length: count }, () => new ParquetThread(memoryBytes))
  const open = new Set<ParquetTable>()
  try {
    const works = groups({ options, context, threads, open }, from)
    const windowBytes = 2 * rowGroupBytes
    yield* inOrder(works, { threads, windowBytes, signal: context.signal })
  } finally {
    await Promise.all(threads.map((thread) => thread.close()))
    await Promise.all([...open].map((table) => table.close()))
  }
}

interface Reading {
  readonly options: ReadOptions
  readonly context: Context
  readonly threads: readonly ParquetThread[]
  /** Files that are open. */
  readonly open: Set<ParquetTable>
}

/** The row groups that are to be read. A file is opened when the first of its groups is asked for. */
async function* groups(
  { options, context, threads, open }: Reading,
  from: Position | undefined,
): AsyncGenerator<GroupWork<Placed>> {
  const { share } = options
  const places = await parquetFiles(options, context.signal)
  const files = share && (await groupRows(places, context.signal))
  const isRead = inShare(share, files ?? [])
  const start = from ? placeOf(places, from) : 0
  const several = places.length > 1
  const [thread] = threads as [ParquetThread]
  let schema: Schema | undefined
  let first = 0
  for (const [at, place] of places.entries()) {
    const groupsThere = files?.[at]?.length
    const skipped = at < start || (groupsThere !== undefined && !someOf(first, groupsThere, isRead))
    // Going on in a later file, the first one still says what the columns are.
    if (skipped && at > 0) {
      first += groupsThere ?? 0
      continue
    }
    const table = await ParquetTable.open(place, { ...options, several }, { thread, context })
    open.add(table)
    schema ??= table.schema
    table.mustMatch(schema)
    const wanted = table.rowGroups.flatMap(({ numRows }, index) => {
      const resumed = at === start && from
      const row = resumed && from.rowGroup === index ? from.row : 0
      const past = at < start || (resumed && index < from.rowGroup) || row >= numRows
      return !past && isRead(first + index) ? [{ index, row }] : []
    })
    first += table.rowGroups.length
    yield* groupsOf(table, wanted, { place, schema, open })
  }
}

interface WantedGroup {
  readonly index: number
  /** First row that is read. */
  readonly row: number
}

/** The row groups of a file, which is closed when all have been fetched. */
async function* groupsOf(
  table: ParquetTable,
  wanted: readonly WantedGroup[],
  { place, schema, open }: { place: ParquetPlace; schema: Schema; open: Set<ParquetTable> },
): AsyncGenerator<GroupWork<Placed>> {
  let left = wanted.length
  async function done(): Promise<void> {
    if (left > 0) return
    open.delete(table)
    await table.close()
  }
  await done()
  for (const { index, row: from } of wanted)
    yield {
      bytes: 2 * table.rawBytes(index),
      async fetch(signal) {
        const file = await table.fetch(index, signal)
        left--
        await done()
        return file
      },
      async *decode(file, thread) {
        for await (const [batch, row] of table.decode(file, index, { schema, from, thread }))
          yield [batch, { table: place.table, rowGroup: index, row }]
      },
    }
}

/** The rows of each row group, of each file. */
async function groupRows(
  places: readonly ParquetPlace[],
  signal: AbortSignal,
): Promise<readonly (readonly number[])[]> {
  const files: number[][] = []
  for (const { open } of places) {
    const bytes = await open()
    try {
      const { footer } = await ParquetFile.open(bytes, signal)
      files.push(footer.rowGroups.map(({ numRows }) => numRows))
    } finally {
      await bytes.close()
    }
  }
  return files
}

/** Whether a row group is read, by its number over all files: a share is a run of them. */
function inShare(
  share: Share | undefined,
  files: readonly (readonly number[])[],
): (group: number) => boolean {
  if (!share) return () => true
  const count = files.reduce((sum, groups) => sum + groups.length, 0)
  const start = Math.floor((count * share.index) / share.of)
  const end = Math.floor((count * (share.index + 1)) / share.of)
  return (group) => group >= start && group < end
}

function someOf(first: number, count: number, isRead: (group: number) => boolean): boolean {
  for (let group = first; group < first + count; group++) if (isRead(group)) return true
  return false
}

function placeOf(places: readonly ParquetPlace[], { table }: Position): number {
  const at = places.findIndex((place) => place.table === table)
  if (at >= 0) return at
  throw new ConnectorError(
    `Expected ${table}, which the checkpoint was taken in, among the files, got none of that name: start over`,
    { url: table, retryable: false },
  )
}
