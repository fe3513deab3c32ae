import type { RecordBatch } from 'apache-arrow'
import type { Flow } from '../flow/flow.ts'
import { columnList, nonEmptyString } from '../options.ts'
import {
  folderOf,
  type LinkedPicture,
  LinkedPictures,
  type LinkFault,
  nameOf,
  readLinked,
} from '../pictures/linked-pictures.ts'
import { type Loading } from '../pictures/read-ahead.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { storedLocation } from '../storage/location.ts'
import { openBytes } from '../storage/open-bytes.ts'
import { type ColumnType, typedColumn } from './column-types.ts'
import { type LoadedEntry, listSource, type OpenList, type Reading } from './list-source.ts'
import {
  type ManifestOptions,
  type ManifestSettings,
  manifestSettings,
} from './manifest-options.ts'
import { type TableColumns, tableColumns } from './table-columns.ts'
import { type RowPlan, type RowValues, type TableRow, tableRow } from './table-row.ts'
import type { Place } from './text-lines.ts'
import type { TextRecord } from './text-record.ts'

/** Options of sources that read a table of text. */
export interface TableOptions extends ManifestOptions {
  /**
   * Types of columns. The others have the narrowest type that the first mebibyte of the file fits; a
   * column that it does not have has to be named here.
   *
   * @default by the first mebibyte
   */
  readonly types?: Readonly<Record<string, ColumnType>>
  /**
   * The column that becomes `id`.
   *
   * @default 'id' where there is one, else the paths; without these `file#row`, the row counted from 0
   */
  readonly idColumn?: string
  /**
   * The column of paths or URLs of pictures; false for rows without pictures.
   *
   * @default the first of path, filepath, file_path, image_path, file_name, filename, file, image, uri, url, image_url in any case, if there is one
   */
  readonly pathColumn?: string | false
  /**
   * The column that becomes `label`.
   *
   * @default 'label' where there is one
   */
  readonly labelColumn?: string
  /**
   * Names of the labels, where the column counts them from 0.
   *
   * @default the labels are as they stand
   */
  readonly labelNames?: readonly string[]
  /**
   * The column that becomes `split`.
   *
   * @default 'split' where there is one
   */
  readonly splitColumn?: string
}

/** The names of {@link TableOptions} beside those of all lists. */
const known = ['types', 'idColumn', 'pathColumn', 'labelColumn', 'labelNames', 'splitColumn']

/** How much of a table is read to find out what its columns are. */
export const headBytes = 2 ** 20

/** What the beginning of a table says of it. */
export interface TableHead {
  /** Names and types of its columns. */
  readonly columns: ReadonlyMap<string, string>
  /** Where its rows begin. */
  readonly start: Place
}

/** A table of text. */
export interface TableFormat {
  /** Name of the source. */
  readonly name: string
  /** Reads the beginning; `declared` are the columns whose type is given. */
  readonly head: (
    source: ByteSource,
    declared: readonly string[],
    signal: AbortSignal,
  ) => Promise<TableHead>
  /** The rows from a place on: a value for each of the columns `names`. */
  readonly rows: (
    source: ByteSource,
    from: Place,
    reading: { readonly names: readonly string[]; readonly signal: AbortSignal },
  ) => AsyncIterable<TextRecord<readonly unknown[]>>
}

/** How a table is read. */
interface TablePlan {
  readonly location: string
  readonly format: TableFormat
  readonly settings: ManifestSettings
  readonly types: ReadonlyMap<string, string>
  readonly options: TableOptions
}

/**
 * Makes the source of a table; `more` are the options of its format.
 *
 * @throws {OptionError} if one is unknown or out of range
 */
export function tableSource(
  location: string,
  options: TableOptions,
  { format, more = [] }: { readonly format: TableFormat; readonly more?: readonly string[] },
): Flow<RecordBatch> {
  const { name } = format
  const { types = {}, pathColumn, labelNames } = options
  storedLocation('location', location)
  const settings = manifestSettings(name, options, [...known, ...more])
  for (const option of ['idColumn', 'labelColumn', 'splitColumn'] as const)
    if (options[option] !== undefined) nonEmptyString(option, options[option])
  if (pathColumn !== undefined && pathColumn !== false) nonEmptyString('pathColumn', pathColumn)
  if (labelNames) columnList('labelNames', labelNames)
  for (const [column, type] of Object.entries(types)) typedColumn(column, type)
  const plan = { location, format, settings, types: new Map(Object.entries(types)), options }
  return listSource<Place>({
    ...{ name, location, settings, options },
    open: (signal) => openTable(plan, signal),
  })
}

async function openTable(plan: TablePlan, signal: AbortSignal): Promise<OpenList<Place>> {
  const { location, format, settings, types, options } = plan
  const source = await openBytes(location, settings.storage)
  try {
    const head = await format.head(source, [...types.keys()], signal)
    const roles = { ...options, url: source.url }
    const columns = tableColumns(new Map([...head.columns, ...types]), roles)
    const { names } = columns
    const row: RowPlan = {
      columns,
      ...{ prefix: settings.prefix, split: settings.split, labelNames: options.labelNames },
      table: nameOf(location),
    }
    return {
      fields: columns.fields,
      batchRows: columns.path === undefined ? 4096 : 64,
      async *entries(reading, from = head.start) {
        const { signal } = reading
        const rows = rowsOf(format.rows(source, from, { names, signal }), row)
        yield* columns.path === undefined
          ? plainEntries(rows, columns, reading)
          : pictureEntries(rows, plan, reading)
      },
      close: () => source.close(),
    }
  } catch (error) {
    await source.close()
    throw error
  }
}

async function* rowsOf(
  records: AsyncIterable<TextRecord<readonly unknown[]>>,
  plan: RowPlan,
): AsyncGenerator<TableRow> {
  for await (const record of records) yield tableRow(record, plan)
}

/** Rows that have no picture. */
async function* plainEntries(
  rows: AsyncIterable<TableRow>,
  { fields }: TableColumns,
  { only }: Reading,
): AsyncGenerator<LoadedEntry<Place>> {
  const first = ['id', 'label', 'split'] as const
  const known = first.filter((name) => fields.some((field) => field.name === name))
  for await (const { position, bytes, content } of rows) {
    if ('code' in content) yield { position, bytes, faults: [content] }
    else if (only && !only.has(content.id)) yield { position }
    else yield { position, bytes, row: [...known.map((name) => content[name]), ...content.others] }
  }
}

/** Rows with the pictures that they point to. */
function pictureEntries(
  rows: AsyncIterable<TableRow>,
  { location, settings }: TablePlan,
  { signal, wanted, only, aheadBytes }: Reading,
): AsyncGenerator<LoadedEntry<Place>> {
  const { root = folderOf(location), links, storage } = settings
  const pictures = new LinkedPictures({ root, links, storage, wanted, signal })

  async function open({
    position,
    bytes,
    content,
  }: TableRow): Promise<Loading<LoadedEntry<Place>>> {
    if ('code' in content) return { bytes: 0, load: () => ({ position, bytes, faults: [content] }) }
    if (only && !only.has(content.id)) return { bytes: 0, load: () => ({ position }) }
    const { bytes: size, load } = await pictures.open(content.link)
    return {
      bytes: size,
      load: async () => ({ position, bytes: bytes + size, ...withPicture(content, await load()) }),
    }
  }

  return readLinked(rows, open, { aheadBytes })
}

function withPicture(
  { id, label, split, others }: RowValues,
  picture: LinkedPicture | LinkFault,
): Pick<LoadedEntry<Place>, 'row' | 'faults'> {
  if ('code' in picture) return { faults: [{ id, ...picture }] }
  const { uri, image, bytes } = picture
  return { row: [id, uri, label, split, image, bytes, ...others] }
}
