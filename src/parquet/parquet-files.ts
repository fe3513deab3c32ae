import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { ConnectorError, OptionError } from '../errors.ts'
import { tableNames } from '../item-ids.ts'
import { fileRoots, unreadable } from '../pictures/file-roots.ts'
import { isGlob } from '../pictures/glob.ts'
import { pathText } from '../pictures/walk-files.ts'
import { parseLocation } from '../storage/location.ts'
import { hiveValues } from './hive.ts'

/** One of the files that a location stands for. */
export interface ParquetPlace {
  /** Path or URL to open. */
  readonly location: string
  /** What it is called in ids: its path from the folder that all locations have in common. */
  readonly table: string
  /** What the folders below its location say of its rows, by column. */
  readonly partitions: ReadonlyMap<string, string | null>
}

interface Listed {
  readonly location: string
  /** Path to tell it by, without what only opens it. */
  readonly path: string
  /** Folder of its location. */
  readonly folder: string
  /** Path from there. */
  readonly below: string
}

/**
 * The files that `locations` stand for, in their order: a file or URL for itself, a folder for the `.parquet` files
 * under it and a glob for those that match, sorted by the bytes of their names. Names that begin with a dot, or with
 * an underscore unless they are `column=value`, are ignored there.
 *
 * @throws {ConnectorError} if a folder or glob has none, or cannot be read
 * @throws {OptionError} if a file comes twice
 */
export async function parquetFiles(locations: readonly string[]): Promise<readonly ParquetPlace[]> {
  const files: Listed[] = []
  for (const location of locations) files.push(...(await filesAt(location)))
  const paths = files.map((file) => file.path)
  const twice = paths.find((path, at) => paths.indexOf(path) !== at)
  if (twice !== undefined) throw new OptionError(`Expected each file once, got \`${twice}\` twice`)
  const names = tableNames(
    paths,
    files.map((file) => file.folder),
  )
  return files.map(({ location, below }, at) => ({
    location,
    table: names[at] ?? '',
    partitions: hiveValues(below),
  }))
}

async function filesAt(location: string): Promise<Listed[]> {
  const parsed = parseLocation('location', location)
  if (parsed.kind !== 'file') {
    // What follows the path of a URL may be a signature.
    const path = location.replace(parsed.kind === 'http' ? /[?#].*$/s : /$/, '')
    return [{ location, path, folder: dirname(resolve(path)), below: '' }]
  }
  const path = resolve(parsed.path)
  const there = await stat(path).catch(() => undefined)
  if (there?.isDirectory()) return listed(parsed.path, (name) => /\.parquet$/i.test(name))
  if (!there && isGlob(path)) return listed(parsed.path, () => true)
  return [{ location: parsed.path, path, folder: dirname(path), below: '' }]
}

async function listed(location: string, wanted: (name: string) => boolean): Promise<Listed[]> {
  const files: Listed[] = []
  // Downloads of datasets are often folders of links to a cache.
  for (const root of await fileRoots([location], 'all'))
    for await (const found of root.find(undefined)) {
      if (found.kind === 'unreadable') throw unreadable(location, found.cause)
      const below = pathText(found.path)
      if (found.kind !== 'file' || !wanted(below) || below.split('/').some(isAside)) continue
      const folder = pathText(root.folder)
      const path = `${folder}/${below}`
      files.push({ location: path, path, folder, below })
    }
  if (files.length > 0) return files
  throw new ConnectorError(`Expected Parquet files in \`${location}\`, got none`, {
    url: location,
    retryable: false,
  })
}

/** What writers leave beside the data: `_SUCCESS`, `_metadata`, `_temporary`. */
function isAside(name: string): boolean {
  return name.startsWith('_') && !name.includes('=')
}
