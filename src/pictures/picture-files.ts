import { ConnectorError } from '../errors.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import type { FileRoot } from './file-root.ts'
import type { Item } from './item-batch.ts'
import { type Loading, readAhead } from './read-ahead.ts'
import { type Links, meaning, unreadable } from './file-roots.ts'
import type { LabelReader } from './path-labels.ts'
import { pictureExtensions, pictureFormat, signatureBytes } from './picture-format.ts'
import type { Selection } from '../run/selection.ts'
import type { OnError } from '../tasks/row-tasks.ts'
import type { StorageSettings } from '../storage/storage-options.ts'
import { type BytePath, type Found, pathText } from './walk-files.ts'

/** Which files are read, and what is made of their paths. */
export interface FilePlan {
  /** Paths, folders, globs, URLs and prefixes of buckets. */
  readonly locations: readonly string[]
  /** Reads label and split from a path. */
  readonly labels: LabelReader
  /** The pattern behind `labels`, if one was given. */
  readonly pattern: string | undefined
  /** The split of all files. */
  readonly split: string | undefined
  /** Goes before each id. */
  readonly prefix: string
  /** Extensions of pictures, if they were given. */
  readonly extensions: ReadonlySet<string> | undefined
  /** Most rows of a batch. */
  readonly batchRows: number
  /** Which links are followed. */
  readonly links: Links
  /** How buckets and URLs are reached. */
  readonly storage: StorageSettings
  /** What becomes of a file that cannot be read. */
  readonly onError: OnError
}

/** The last file: index of its root, and path in it. */
export interface Position {
  /** Index of the root. */
  readonly root: number
  /** Path relative to it. */
  readonly path: BytePath
}

/** Stands among files for a while in which none comes: what was read so far goes on. */
export const idle = { kind: 'idle' } as const

/** What a file turned out to be. */
export type Loaded = typeof idle | LoadedFile

/** What a file turned out to be, and where it is. */
export type LoadedFile = { readonly position: Position } & (
  | { readonly kind: 'item'; readonly item: Item }
  | { readonly kind: 'ignored' }
  | {
      readonly kind: 'fault'
      readonly id: string
      readonly code: string
      readonly message: string
    }
)

/** A file found, and where. */
export interface Placed {
  /** Its root. */
  readonly root: FileRoot
  /** Path and kind. */
  readonly found: Found
  /** To go on after it. */
  readonly position: Position
}

/** A larger file is at fault: a column of an Arrow batch holds at most 2 GiB. */
export const limitBytes = 2 ** 30

const known: ReadonlySet<string> = new Set(pictureExtensions)

/** The files under `roots`, one root after another, on after a position. */
export async function* filesIn(
  roots: readonly FileRoot[],
  from: Position | undefined,
  signal: AbortSignal,
): AsyncGenerator<Placed> {
  for (const [at, root] of roots.entries()) {
    if (from && at < from.root) continue
    const after = from?.root === at ? from.path : undefined
    for await (const found of root.find(after, signal)) {
      if (found.path === '') throw unreadable(root.location, found.cause)
      yield { root, found, position: { root: at, path: found.path } }
    }
  }
}

/** Path of a file relative to what all roots share, as text. */
export function idOf(root: FileRoot, found: Found): string {
  return pathText(root.prefix + found.path)
}

/** How files are read. */
export interface LoadOptions {
  /** What is made of them. */
  readonly plan: FilePlan
  /** Whether anybody wants what is in them. */
  readonly wanted: boolean
  /** The rows to be done again, if the others are left out. */
  readonly only?: Pick<Selection, 'has'> | undefined
  /** Bytes of files read ahead at most, beside the one that is asked for. */
  readonly aheadBytes: number
  /** Ends the reading. */
  readonly signal: AbortSignal
}

/** Reads `files` in order, as many ahead as their root and their bytes allow. */
export async function* loaded(
  files: AsyncIterable<Placed | typeof idle>,
  options: LoadOptions,
): AsyncGenerator<Loaded> {
  const { aheadBytes, wanted } = options
  const all = files[Symbol.asyncIterator]()
  let ended = false

  async function* untilIdle(): AsyncGenerator<Placed> {
    for (;;) {
      const next = await all.next()
      ended = next.done === true
      if (next.done || !('root' in next.value)) return
      yield next.value
    }
  }

  async function open(file: Placed): Promise<Loading<LoadedFile>> {
    return { bytes: wanted ? await sizeOf(file) : 0, load: () => load(file, options) }
  }

  function hasEnded(): boolean {
    return ended
  }

  try {
    for (;;) {
      yield* readAhead(untilIdle(), open, { ahead: ({ root }) => root.ahead, aheadBytes })
      if (hasEnded()) return
      yield idle
    }
  } finally {
    await all.return?.()
  }
}

/** Bytes of a file that is going to be read; an error comes when it is read. */
async function sizeOf({ root, found }: Placed): Promise<number> {
  if (found.kind !== 'file') return 0
  const { bytes = 0 } = (await root.look(found)) ?? {}
  return bytes > limitBytes ? 0 : bytes
}

async function load(
  { root, found, position }: Placed,
  { plan, wanted, only, signal }: LoadOptions,
): Promise<LoadedFile> {
  const path = idOf(root, found)
  const likely = isLikely(found, plan.extensions)
  if (likely === 'no') return { kind: 'ignored', position }
  const id = plan.prefix + path
  if (only && !only.has(id)) return { kind: 'ignored', position }
  try {
    if (found.kind !== 'file') throw found.cause
    const content = await contentOf(await root.open(found), {
      all: wanted,
      sniff: likely === 'unknown',
      signal,
    })
    if (!content) return { kind: 'ignored', position }
    if (content.bytes > limitBytes)
      return { kind: 'fault', position, id, ...tooLarge(content.bytes) }
    const { label = null, split = null } = plan.labels(path) ?? {}
    const item = { id, uri: root.uriOf(found), label, split: plan.split ?? split, ...content }
    return { kind: 'item', position, item }
  } catch (cause) {
    signal.throwIfAborted()
    const error = errorOf(id, cause)
    if (plan.onError === 'fail' || !concernsOne(error)) throw error
    return { kind: 'fault', position, id, ...faultOf(cause, error) }
  }
}

/** What went wrong with a file, under its id where it is one of this machine. */
function errorOf(id: string, cause: unknown): ConnectorError {
  if (!(cause instanceof ConnectorError)) return unreadable(id, cause)
  return isLocal(cause) && cause.cause instanceof Error && 'syscall' in cause.cause
    ? unreadable(id, cause.cause)
    : cause
}

/** Whether other files may be read all the same; a service that cannot be reached ends the run. */
export function concernsOne(error: ConnectorError): boolean {
  const { status, cause } = error
  return status === undefined
    ? isLocal(error) && cause instanceof Error && 'code' in cause
    : [403, 404, 410, 412].includes(status)
}

function isLocal({ url }: ConnectorError): boolean {
  return !/^(s3|https?):/i.test(url)
}

function faultOf(
  cause: unknown,
  error: ConnectorError,
): { readonly code: string; readonly message: string } {
  if (error.status !== undefined) return { code: 'UNREADABLE', message: error.message }
  const { code = 'an error' } = error.cause as NodeJS.ErrnoException
  const message = `Expected to read the file, got ${meaning(code)}`
  return { code: code === 'OUTSIDE' ? code : 'UNREADABLE', message }
}

/**
 * Whether a file is a picture by its name; one without extension may be. So may be what is in a folder that
 * cannot be read.
 */
function isLikely(
  { path, kind }: Found,
  extensions: ReadonlySet<string> | undefined,
): 'yes' | 'no' | 'unknown' {
  if (kind === 'unreadable') return 'yes'
  if (kind === 'other') return 'no'
  const name = path.slice(path.lastIndexOf('/') + 1)
  const dot = name.lastIndexOf('.')
  if (dot < 0) return extensions ? 'no' : 'unknown'
  return (extensions ?? known).has(name.slice(dot + 1).toLowerCase()) ? 'yes' : 'no'
}

/** Size and bytes of a file; undefined if it had to begin like a picture and does not. Closes it. */
async function contentOf(
  file: ByteSource,
  {
    all,
    sniff,
    signal,
  }: { readonly all: boolean; readonly sniff: boolean; readonly signal: AbortSignal },
): Promise<{ readonly bytes: number; readonly image: Uint8Array | null } | undefined> {
  try {
    const bytes = await file.size(signal)
    const readable = bytes <= limitBytes
    const image = all && readable ? await file.read(0, bytes, signal) : null
    if (sniff) {
      const first = image ?? (await file.read(0, Math.min(bytes, signatureBytes), signal))
      if (!pictureFormat(first)) return undefined
    }
    return { bytes, image }
  } finally {
    await file.close()
  }
}

/** The fault of a file that is larger than {@link limitBytes}. */
export function tooLarge(bytes: number): { readonly code: string; readonly message: string } {
  const message = `Expected at most ${String(limitBytes)} bytes, got ${String(bytes)}`
  return { code: 'TOO_LARGE', message }
}
