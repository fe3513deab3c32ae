import { DataType, type RecordBatch } from 'apache-arrow'
import { column, rowBytes, select, take } from '../batch/batch.ts'
import { SchemaError } from '../errors.ts'
import { typeName } from '../batch/schema.ts'
import { hiveFolder } from '../parquet/hive.ts'

/** How the rows of a folder are spread over its files. */
export interface FolderLayout {
  /** Columns whose values make the folder that a row goes to; they are left out of the files. */
  readonly partitionBy: readonly string[]
  /** Most rows of a file. */
  readonly fileRows: number | undefined
  /** Most bytes of a file's rows in memory; a larger row has a file of its own. */
  readonly fileBytes: number | undefined
  /** Most files that are written at a time; the one that got no row for longest is ended for another. */
  readonly openFiles: number
}

/** How much is in a file that is being written. */
export interface Fill {
  /** Rows. */
  rows: number
  /** Bytes of these in memory. */
  bytes: number
}

/** What is done with a batch, step by step. */
export type Step =
  | { readonly kind: 'write'; readonly folder: string; readonly rows: RecordBatch }
  | { readonly kind: 'end'; readonly folder: string }

/**
 * Decides, row by row, which file each goes to, so that the files are the same whatever batches the rows came in.
 * `open` has what is in the files being written, by folder, the one that got no row for longest first; it is kept up to
 * date.
 */
export function* stepsFor(
  batch: RecordBatch,
  layout: FolderLayout,
  open: Map<string, Fill>,
): Generator<Step> {
  const { fileRows = Infinity, fileBytes = Infinity, openFiles } = layout
  const folderOf = foldersOf(batch, layout.partitionBy)
  const written = leftIn(batch, layout.partitionBy)
  const sizes = fileBytes < Infinity ? rowBytes(written) : undefined
  const waiting = new Map<string, number[]>()
  // It says what columns there are, should no rows come.
  if (batch.numRows === 0 && open.size === 0 && layout.partitionBy.length === 0) {
    open.set('', { rows: 0, bytes: 0 })
    waiting.set('', [])
  }

  /** Writes the rows that wait for a file. */
  function* write(folder: string): Generator<Step> {
    const rows = waiting.get(folder)
    waiting.delete(folder)
    if (rows) yield { kind: 'write', folder, rows: chosen(written, rows) }
  }

  function* end(folder: string): Generator<Step> {
    yield* write(folder)
    open.delete(folder)
    yield { kind: 'end', folder }
  }

  for (let row = 0; row < batch.numRows; row++) {
    const folder = folderOf(row)
    const bytes = sizes?.[row] ?? 0
    const there = open.get(folder)
    const full = there && (there.rows >= fileRows || there.bytes + bytes > fileBytes)
    if (full) yield* end(folder)
    if (!there && open.size >= openFiles) yield* end(open.keys().next().value as string)
    const fill = (!full && there) || { rows: 0, bytes: 0 }
    fill.rows++
    fill.bytes += bytes
    open.delete(folder)
    open.set(folder, fill)
    const rows = waiting.get(folder)
    if (rows) rows.push(row)
    else waiting.set(folder, [row])
  }
  for (const folder of waiting.keys()) yield* write(folder)
}

/** The columns that go into the files. */
function leftIn(batch: RecordBatch, partitionBy: readonly string[]): RecordBatch {
  if (partitionBy.length === 0) return batch
  const names = batch.schema.fields.map((field) => field.name)
  return select(
    batch,
    names.filter((name) => !partitionBy.includes(name)),
  )
}

function chosen(batch: RecordBatch, rows: readonly number[]): RecordBatch {
  const [first = 0] = rows
  const last = rows.at(-1) ?? 0
  if (rows.length === batch.numRows) return batch
  return last - first + 1 === rows.length ? batch.slice(first, last + 1) : take(batch, rows)
}

/** The folder of each row of `batch`, relative to the target: `label=cat/split=train`. */
function foldersOf(batch: RecordBatch, partitionBy: readonly string[]): (row: number) => string {
  const columns = partitionBy.map((name) => {
    const vector = column(batch, name)
    if (!isPartition(vector.type as DataType)) throw notPartition(name, vector.type as DataType)
    const names = new Map<unknown, string>()
    return (row: number): string => {
      const value = vector.get(row) as string | number | bigint | boolean | null
      const known = names.get(value)
      if (known !== undefined) return known
      const folder = hiveFolder(name, value === null ? null : String(value))
      names.set(value, folder)
      return folder
    }
  })
  return (row) => columns.map((folder) => folder(row)).join('/')
}

/** Whether the values of a type can name a folder. */
export function isPartition(type: DataType): boolean {
  const values: DataType = DataType.isDictionary(type) ? (type.dictionary as DataType) : type
  return DataType.isUtf8(values) || DataType.isInt(values) || DataType.isBool(values)
}

/** The error for a column that cannot name folders. */
export function notPartition(name: string, type: DataType): SchemaError {
  return new SchemaError(
    `Expected column \`${name}\` of partitionBy to be text, integers or booleans, got ${typeName(type)}`,
    { column: name },
  )
}
