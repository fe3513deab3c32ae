import type { Stats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, resolve, sep } from 'node:path'
import { ConnectorError } from '../errors.ts'
import { openFile } from '../storage/file-bytes.ts'
import { parseLocation } from '../storage/location.ts'
import type { StorageSettings } from '../storage/storage-options.ts'
import type { FileRoot } from './file-root.ts'
import { Glob, isGlob } from './glob.ts'
import { httpRoot, s3Root } from './stored-roots.ts'
import { watchFolder } from './watch-folder.ts'
import { type BytePath, bytePath, fileUrl, type Found, pathBytes, walkFiles } from './walk-files.ts'

/** Files read ahead at most. */
const localAhead = 8

/** Which links in folders are followed: those that lead into one of the folders given, or all. */
export type Links = (typeof linkChoices)[number]

/** The choices for {@link Links}. */
export const linkChoices = ['within', 'all'] as const

/**
 * The folders that `locations` (files, folders, globs, URLs, prefixes of buckets) speak of, in their order. Paths are told
 * apart relative to the deepest folder that all have in common.
 *
 * @throws {ConnectorError} if one does not exist or must not be read
 */
export async function fileRoots(
  locations: readonly string[],
  { links, storage }: { readonly links: Links; readonly storage: StorageSettings },
): Promise<readonly FileRoot[]> {
  const inside: BytePath[] | undefined = links === 'all' ? undefined : []
  const roots: Omit<FileRoot, 'prefix'>[] = []
  for (const location of locations) {
    const parsed = parseLocation('location', location)
    if (parsed.kind === 'file') roots.push(await rootOf(parsed.path, inside))
    else if (parsed.kind === 'http') roots.push(httpRoot(location, storage))
    else roots.push(await s3Root(location, parsed, storage))
  }
  const shared = commonFolder(roots.map((r) => r.folder))
  return roots.map((root) => {
    const below = root.folder.split('/').slice(shared)
    return { ...root, prefix: below.map((name) => `${name}/`).join('') }
  })
}

/** Adds the folder, if it is one, to those that links may lead into. */
async function rootOf(
  location: string,
  inside: BytePath[] | undefined,
): Promise<Omit<FileRoot, 'prefix'>> {
  const path = resolve(location)
  const found = await stats(path, location)
  if (found?.isDirectory()) return inFolder(location, slashed(path), { inside })
  if (found) {
    const file = { path: slashed(basename(path)), kind: 'file' } as const
    return localRoot(location, slashed(dirname(path)), (after) => only(file, after))
  }
  const parts = path.split(sep)
  const from = parts.findIndex(isGlob)
  const folder = parts.slice(0, from).join(sep)
  if (from < 0 || !(await stats(folder, location))?.isDirectory())
    throw new ConnectorError(`Expected a file or folder at \`${location}\`, got none`, {
      url: location,
      retryable: false,
    })
  const glob = new Glob(parts.slice(from).join('/'))
  return inFolder(location, slashed(folder), { glob, inside })
}

async function inFolder(
  location: string,
  folder: BytePath,
  { glob, inside }: { readonly glob?: Glob; readonly inside: BytePath[] | undefined },
): Promise<Omit<FileRoot, 'prefix'>> {
  inside?.push(await realpath(pathBytes(folder || '/'), 'latin1'))
  const options = { ...(glob && { glob }), ...(inside && { inside }) }
  const root = localRoot(location, folder, (after) =>
    walkFiles(folder, { ...options, ...(after !== undefined && { after }) }),
  )
  return { ...root, watch: (told, signal) => watchFolder(folder, options, { told, signal }) }
}

function localRoot(
  location: string,
  folder: BytePath,
  find: FileRoot['find'],
): Omit<FileRoot, 'prefix'> {
  function bytesOf({ path }: Found): Buffer {
    return pathBytes(`${folder}/${path}`)
  }
  return {
    location,
    folder,
    ahead: localAhead,
    find,
    uriOf: ({ path }) => fileUrl(`${folder}/${path}`),
    look: (found) =>
      stat(bytesOf(found)).then(
        ({ size, mtimeMs }) => ({
          bytes: size,
          modified: mtimeMs,
          mark: `${String(size)} ${String(mtimeMs)}`,
        }),
        () => undefined,
      ),
    open: (found) => openFile(bytesOf(found)),
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- the same shape as a walk
async function* only(file: Found, after: BytePath | undefined): AsyncGenerator<Found> {
  if (after === undefined) yield file
}

async function stats(path: string, location: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw unreadable(location, cause)
  }
}

/** The error for something that is there and cannot be read. */
export function unreadable(location: string, cause: unknown): ConnectorError {
  const { code = 'an error' } = cause as NodeJS.ErrnoException
  const retryable = ['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'EIO'].includes(code)
  return new ConnectorError(
    `Expected to read \`${location}\`, got ${meaning(code)}`,
    { url: location, retryable },
    { cause },
  )
}

/** An error code of the file system in words. */
export function meaning(code: string): string {
  if (code === 'EACCES' || code === 'EPERM') return `no permission (${code})`
  if (code === 'OUTSIDE') return "a link that leads out of the folder (followed with links: 'all')"
  if (code === 'ENOENT') return `no such file (${code})`
  return code
}

function commonFolder(folders: readonly BytePath[]): number {
  const [first = '', ...others] = folders
  const parts = first.split('/')
  const end = parts.findIndex((part, at) => others.some((o) => o.split('/')[at] !== part))
  return end < 0 ? parts.length : end
}

function slashed(path: string): BytePath {
  return bytePath(sep === '/' ? path : path.replaceAll(sep, '/'))
}
