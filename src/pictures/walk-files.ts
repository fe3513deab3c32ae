import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import type { Glob, GlobState } from './glob.ts'
import { failPoint } from '../run/fail-point.ts'

/**
 * A path as its bytes, one per character: names need not be UTF-8, and strings of bytes compare as the
 * bytes do. See {@link pathBytes} and {@link pathText}.
 */
export type BytePath = string

/** Something found on a walk. */
export interface Found {
  /** Relative to the root, with `/`. */
  readonly path: BytePath
  /**
   * What it is: a file (or a link to none); a link to a file that is not followed; a file of a hidden name or a
   * special one; or a folder that cannot be read, or is a link that is not followed.
   */
  readonly kind: 'file' | 'outside' | 'other' | 'unreadable'
  /** Why it cannot be read. */
  readonly cause?: unknown
}

/** Which part of a tree to walk. */
export interface WalkOptions {
  /** Files that do not match are passed over. */
  readonly glob?: Glob
  /** Start after this path. */
  readonly after?: BytePath
  /** Folders, themselves free of links, that links may lead into; everywhere without it. */
  readonly inside?: readonly BytePath[]
}

interface Tree {
  readonly root: BytePath
  readonly glob: Glob | undefined
  readonly inside: readonly BytePath[] | undefined
}

interface Place {
  /** Path from the root, ends with `/` unless empty. */
  readonly prefix: BytePath
  readonly state: GlobState
  /** Names to go on after, from this folder down. */
  readonly after: readonly string[]
  /** Folders on the way here, to notice a link that leads back. */
  readonly parents: readonly string[]
}

/**
 * Finds the files under `root`, depth first, names sorted by their bytes in each folder. Holds the
 * names of the folders along the path, no more. Links are followed where they may lead to, but not back to a
 * folder on the way. Hidden folders (`.git`) are not entered.
 */
export async function* walkFiles(root: BytePath, options: WalkOptions = {}): AsyncGenerator<Found> {
  const { glob, after, inside } = options
  yield* walk(
    { root, glob, inside },
    {
      prefix: '',
      state: glob?.start ?? [],
      after: after === undefined ? [] : after.split('/'),
      parents: [],
    },
  )
}

async function* walk(tree: Tree, { prefix, state, after, parents }: Place): AsyncGenerator<Found> {
  const folder = pathBytes(`${tree.root}/${prefix}`)
  const [last, ...below] = after
  let entries: Dirent[]
  let self: string
  try {
    self = await identity(folder)
    if (parents.includes(self)) return
    entries = await readdir(folder, { encoding: 'latin1', withFileTypes: true })
  } catch (cause) {
    yield { path: prefix.slice(0, -1), kind: 'unreadable', cause }
    return
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const { name } = entry
    if (last !== undefined && (name < last || (name === last && below.length === 0))) continue
    const next = tree.glob ? tree.glob.next(state, pathText(name)) : state
    if (tree.glob && next.length === 0) continue
    const path = prefix + name
    failPoint('source: listing')
    const hidden = !tree.glob && name.startsWith('.')
    const kind = await kindOf(entry, pathBytes(`${tree.root}/${path}`), tree.inside)
    if (kind === 'folder') {
      if (hidden) continue
      const place = { prefix: `${path}/`, state: next, parents: [...parents, self] }
      yield* walk(tree, { ...place, after: name === last ? below : [] })
    } else if (kind === 'unreadable') {
      if (!hidden) yield { path, kind, cause: leadsOut }
    } else if (!tree.glob || tree.glob.matches(next))
      yield { path, kind: hidden ? 'other' : kind, ...(kind === 'outside' && { cause: leadsOut }) }
  }
}

/** Why a link is not followed, as the system would say it. */
export const leadsOut = Object.assign(new Error('a link that leads out'), { code: 'OUTSIDE' })

async function kindOf(
  entry: Dirent,
  path: Buffer,
  inside: readonly BytePath[] | undefined,
): Promise<'folder' | Found['kind']> {
  const linked = entry.isSymbolicLink()
  const target = linked ? await stat(path).catch(() => undefined) : entry
  if (linked && target && inside && !(await isWithin(path, inside)))
    return target.isDirectory() ? 'unreadable' : 'outside'
  if (target?.isDirectory()) return 'folder'
  return !target || target.isFile() ? 'file' : 'other'
}

/** Whether what is at `path`, all links followed, lies in one of some folders. */
export async function isWithin(path: Buffer, folders: readonly BytePath[]): Promise<boolean> {
  const to = await realpath(path, 'latin1')
  return folders.some((folder) => `${to}/`.startsWith(folder === '/' ? folder : `${folder}/`))
}

async function identity(folder: Buffer): Promise<string> {
  const { dev, ino } = await stat(folder, { bigint: true })
  return `${String(dev)}:${String(ino)}`
}

/** What the file system takes. */
export function pathBytes(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1')
}

/** The bytes of a path that is text. */
export function bytePath(text: string): BytePath {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** A path as text; bytes that are not UTF-8 become `\xff`, so that different paths stay different. */
export function pathText(path: BytePath): string {
  const text = pathBytes(path).toString('utf8')
  if (!text.includes('\ufffd')) return text
  return path.replace(
    /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\x80-\xff]/g,
    (part) => {
      if (part.length > 1) return pathBytes(part).toString('utf8')
      return `\\x${part.charCodeAt(0).toString(16)}`
    },
  )
}

/** The `file:` URL of an absolute path. */
export function fileUrl(path: BytePath): string {
  const escaped = path.replace(
    /[^\w/.~!$&'()*+,;=:@-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
  return `file://${escaped}`
}
