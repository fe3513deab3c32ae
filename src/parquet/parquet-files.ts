import { resolve } from 'node:path'
import { ConnectorError, OptionError } from '../errors.ts'
import type { FileRoot } from '../pictures/file-root.ts'
import { fileRoots, unreadable } from '../pictures/file-roots.ts'
import { type Found, pathText } from '../pictures/walk-files.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { parseLocation } from '../storage/location.ts'
import { type StorageOptions, storageSettings } from '../storage/storage-options.ts'
import { hiveValues } from './hive.ts'

/** One of the files that a location stands for. */
export interface ParquetPlace {
  /** What it is called in ids: its path from the folder that all locations have in common. */
  readonly table: string
  /** What the folders below its location say of its rows, by column. */
  readonly partitions: ReadonlyMap<string, string | null>
  /** Opens it. */
  readonly open: () => Promise<ByteSource>
}

/** Where files are looked for. */
export interface ParquetLocations {
  /** Files, folders and globs. */
  readonly locations: readonly string[]
  /** How buckets and URLs are reached. */
  readonly storage: StorageOptions | undefined
}

/**
 * The files that locations stand for, in their order: a file or URL for itself, a folder (or prefix) for the `.parquet`
 * files under it and a glob for those that match, sorted by the bytes of their names. Names that begin with a dot, or
 * with an underscore unless they are `column=value`, are ignored there.
 *
 * @throws {ConnectorError} if there is none at a location, or it cannot be read
 * @throws {OptionError} if a file comes twice
 */
export async function parquetFiles(
  { locations, storage }: ParquetLocations,
  signal: AbortSignal,
): Promise<readonly [ParquetPlace, ...ParquetPlace[]]> {
  const seen = new Set<string>()
  const places: ParquetPlace[] = []
  // Downloads of datasets are often folders of links to a cache.
  const roots = await fileRoots(locations, { links: 'all', storage: storageSettings(storage) })
  for (const [at, root] of roots.entries()) {
    const before = places.length
    for await (const found of root.find(undefined, signal)) {
      if (found.kind === 'unreadable') throw unreadable(root.location, found.cause)
      if (!isTable(found, root, locations[at] ?? '')) continue
      const path = `${root.folder}/${found.path}`
      if (seen.has(path))
        throw new OptionError(`Expected each file once, got \`${pathText(path)}\` twice`)
      seen.add(path)
      places.push({
        table: pathText(root.prefix + found.path),
        partitions: hiveValues(pathText(found.path)),
        open: () => root.open(found),
      })
    }
    if (places.length === before) throw noTable(root)
  }
  return places as [ParquetPlace, ...ParquetPlace[]]
}

/** Whether what was found at `location` is read. */
function isTable({ path, kind }: Found, root: FileRoot, location: string): boolean {
  if (kind !== 'file') return false
  const parsed = parseLocation('location', location)
  const below = pathText(path)
  if (parsed.kind === 'http' || location.endsWith(below)) return true
  const whole = parsed.kind === 'file' ? resolve(parsed.path) : location.replace(/\/$/, '')
  const isFolder = pathText(root.folder) === whole
  return (!isFolder || /\.parquet$/i.test(below)) && !below.split('/').some(isAside)
}

/** What writers leave beside the data: `_SUCCESS`, `_metadata`, `_temporary`. */
function isAside(name: string): boolean {
  return name.startsWith('_') && !name.includes('=')
}

function noTable({ location }: FileRoot): ConnectorError {
  const message = `Expected Parquet files in \`${location}\`, got none`
  return new ConnectorError(message, { url: location, retryable: false })
}
