import { Field, Schema, Utf8 } from 'apache-arrow'
import { missingColumn } from '../batch/schema.ts'
import { type TypedColumn, typedColumn } from './column-types.ts'
import { pictureFields } from './list-source.ts'

/** Which columns of a table mean what; those that are not said are found by their usual names. */
export interface TableRoles {
  /** What becomes `id`. */
  readonly idColumn?: string
  /** Paths or URLs of pictures; false for rows without. */
  readonly pathColumn?: string | false
  /** What becomes `label`. */
  readonly labelColumn?: string
  /** What becomes `split`. */
  readonly splitColumn?: string
}

/** Usual names of a column of paths, in lower case; where there are several, the first of these. */
const pathNames = [
  ...['path', 'filepath', 'file_path', 'image_path', 'file_name', 'filename', 'file'],
  ...['image', 'uri', 'url', 'image_url'],
]

/** The columns of a table: which is what, by index, and what its rows have. */
export interface TableColumns {
  /** All names. */
  readonly names: readonly string[]
  /** The column behind `id`; undefined where ids are made. */
  readonly id: number | undefined
  /** The column of paths. */
  readonly path: number | undefined
  /** The column behind `label`. */
  readonly label: number | undefined
  /** The column behind `split`. */
  readonly split: number | undefined
  /** The rest. */
  readonly others: readonly (TypedColumn & { readonly at: number })[]
  /** The fields of a row: `id`, what is known of its picture, the rest. */
  readonly fields: readonly Field[]
}

/**
 * Finds out what the columns of a table are, given by name and type. A column that has the name of a
 * field for pictures and is not what that is made of is left out.
 *
 * @throws {SchemaError} if one that was named is missing
 */
export function tableColumns(
  types: ReadonlyMap<string, string>,
  roles: TableRoles & { readonly split?: string; readonly url: string },
): TableColumns {
  const names = [...types.keys()]
  const table = { names, url: roles.url }
  const path =
    roles.pathColumn === false ? undefined : columnFor(roles.pathColumn, pathNames, table)
  const id = columnFor(roles.idColumn, ['id'], table)
  const label = columnFor(roles.labelColumn, ['label'], table)
  const split = columnFor(roles.splitColumn, ['split'], table)
  const given = { label: label !== undefined, split: (split ?? roles.split) !== undefined }
  const first = pictureFields.filter(
    ({ name }) => path !== undefined || name === 'id' || given[name as keyof typeof given],
  )
  const others = names
    .map((name, at) => ({ at, ...typedColumn(name, types.get(name) ?? 'Utf8') }))
    .filter(({ at, field: { name } }) => {
      return ![path, id, label, split].includes(at) && !first.some((field) => field.name === name)
    })
  const fields = [...first, ...others.map(({ field }) => field)]
  return { names, id: id ?? path, path, label, split, others, fields }
}

/** The column that was named, else the one with the first of its usual names. */
function columnFor(
  name: string | undefined,
  usual: readonly string[],
  table: NamedColumns,
): number | undefined {
  if (name !== undefined) return indexOf(name, table)
  const lower = table.names.map((each) => each.toLowerCase())
  const found = usual.find((each) => lower.includes(each))
  return found === undefined ? undefined : lower.indexOf(found)
}

/** The names of the columns of a table, and where it is. */
export interface NamedColumns {
  /** All names. */
  readonly names: readonly string[]
  /** For errors. */
  readonly url: string
}

/**
 * Where `name` is among the columns of a table.
 *
 * @throws {SchemaError} if it is not
 */
export function indexOf(name: string, { names, url }: NamedColumns): number {
  const at = names.indexOf(name)
  if (at >= 0) return at
  throw missingColumn(name, new Schema(names.map((each) => new Field(each, new Utf8(), true))), url)
}
