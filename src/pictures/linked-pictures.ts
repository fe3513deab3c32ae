import { realpath, stat } from 'node:fs/promises'
import { dirname, posix, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConnectorError, FlowError } from '../errors.ts'
import { isInside } from '../path-inside.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { openBytes } from '../storage/open-bytes.ts'
import { type Location, parseLocation } from '../storage/location.ts'
import type { StorageOptions } from '../storage/storage-options.ts'
import { type Links, meaning } from './file-roots.ts'
import { concernsOne, limitBytes, tooLarge } from './picture-files.ts'
import { type Ahead, type Loading, readAhead } from './read-ahead.ts'

/** A picture that a list points to. */
export interface LinkedPicture {
  /** Its URL. */
  readonly uri: string
  /** Its size. */
  readonly bytes: number
  /** What is in it; null where nobody wants it. */
  readonly image: Uint8Array | null
}

/** Why there is no picture: `MISSING`, `OUTSIDE`, `TOO_LARGE` or `UNREADABLE`. */
export interface LinkFault {
  /** One of those. */
  readonly code: string
  /** What was expected, what was there. */
  readonly message: string
  /** The error behind it. */
  readonly cause?: unknown
}

/** How links are followed. */
export interface LinkOptions {
  /** The folder, prefix or URL that they are relative to. */
  readonly root: string
  /** Whether they may lead out of it. */
  readonly links: Links
  /** How buckets and URLs are reached. */
  readonly storage: StorageOptions
  /** Whether anybody wants the pictures themselves. */
  readonly wanted: boolean
  /** Ends the reading. */
  readonly signal: AbortSignal
}

/** Where a link leads. */
interface Target {
  readonly location: string
  readonly uri: string
  /** Of a file of this machine. */
  readonly bytes?: number
}

/** How many pictures are read ahead at most: those from elsewhere take long to come. */
const linkedAhead = 32

/** Opens `items` of a list and loads the pictures that they point to, several ahead, in order. */
export function readLinked<T, R>(
  items: AsyncIterable<T>,
  open: (item: T) => Promise<Loading<R>>,
  { aheadBytes }: Pick<Ahead<T>, 'aheadBytes'>,
): AsyncGenerator<R> {
  return readAhead(items, open, { ahead: () => linkedAhead, aheadBytes })
}

/** Follows the links of a list, which are paths relative to a root, or URLs. */
export class LinkedPictures {
  readonly #options: LinkOptions
  readonly #root: Location
  #realRoot: Promise<string> | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.#root = parseLocation('root', options.root)
  }

  /**
   * Finds out how large the picture behind `link` is, to load it later. A picture that is not there, or not to be
   * had for a reason of its own, is at fault.
   *
   * @throws {ConnectorError} if the storage that holds the list's pictures fails
   */
  async open(link: string): Promise<Loading<LinkedPicture | LinkFault>> {
    const { wanted } = this.#options
    try {
      const { location, uri, bytes: known } = await this.#follow(link)
      // What lies elsewhere keeps nothing open, and knows its size and version from here on.
      const remote = known === undefined ? await this.#bytesOf(location) : undefined
      const bytes = known ?? (await remote?.size(this.#options.signal)) ?? 0
      if (bytes > limitBytes) return refused(tooLarge(bytes))
      if (!wanted) return { bytes: 0, load: () => ({ uri, bytes, image: null }) }
      return {
        bytes,
        load: () =>
          this.#read(remote ?? this.#bytesOf(location), bytes).then(
            (image) => ({ uri, bytes, image }),
            (cause: unknown) => faultOf(cause, link),
          ),
      }
    } catch (cause) {
      return refused(faultOf(cause, link))
    }
  }

  #bytesOf(location: string): Promise<ByteSource> {
    return openBytes(location, this.#options.storage)
  }

  async #read(opening: ByteSource | Promise<ByteSource>, bytes: number): Promise<Uint8Array> {
    const source = await opening
    try {
      return await source.read(0, bytes, this.#options.signal)
    } finally {
      await source.close()
    }
  }

  #follow(link: string): Target | Promise<Target> {
    const root = this.#root
    const [, scheme] = /^([a-z][a-z\d+.-]*):\/\//i.exec(link) ?? []
    if (scheme !== undefined && scheme.toLowerCase() !== 'file')
      return { location: link, uri: link }
    const path = scheme === undefined ? link : localPathOf(link)
    // A file of this machine is not for a list from elsewhere to name.
    if (root.kind === 'file' || scheme !== undefined) return this.#followFile(path)
    if (root.kind === 's3') {
      const location = `s3://${root.bucket}/${this.#below(root.key, path)}`
      return { location, uri: location }
    }
    const url = new URL(root.url)
    const parts = this.#below(decodeURIComponent(url.pathname), path).split('/')
    url.pathname = parts.map(encodeURIComponent).join('/')
    return { location: url.href, uri: url.href }
  }

  async #followFile(link: string): Promise<Target> {
    const root = this.#root
    const within = this.#options.links === 'within'
    if (root.kind !== 'file') {
      if (within) throw leadsOut
      return target(await realpath(link))
    }
    const folder = resolve(root.path)
    const real = await (this.#realRoot ??= realpath(folder))
    const path = resolve(folder, link)
    if (within && !isInside(folder, path) && !isInside(real, path)) throw leadsOut
    const end = await realpath(path)
    if (within && !isInside(real, end)) throw leadsOut
    return target(path)
  }

  /** A key or path under `folder`, without the slash in front. */
  #below(folder: string, link: string): string {
    const from = posix.resolve('/', folder)
    const path = posix.resolve(from, link)
    const inside = from === '/' || path.startsWith(`${from}/`)
    if (!inside && this.#options.links === 'within') throw leadsOut
    return path.slice(1)
  }
}

/** The folder, prefix or URL in which `location` lies. */
export function folderOf(location: string): string {
  const parsed = parseLocation('location', location)
  if (parsed.kind === 'file') return dirname(parsed.path)
  if (parsed.kind === 'http') return new URL('.', parsed.url).href
  return `s3://${parsed.bucket}/${parsed.key.slice(0, parsed.key.lastIndexOf('/') + 1)}`
}

/** The last part of `location`. */
export function nameOf(location: string): string {
  const parsed = parseLocation('location', location)
  if (parsed.kind === 'file') return posix.basename(parsed.path)
  const path =
    parsed.kind === 'http' ? decodeURIComponent(new URL(parsed.url).pathname) : parsed.key
  return posix.basename(path)
}

/** Why a link is not followed, as the system would say it. */
const leadsOut = Object.assign(new Error('a link that leads out'), { code: 'OUTSIDE' })

/** A file of this machine. What is none is not opened: opening a pipe waits for who writes into it. */
async function target(path: string): Promise<Target> {
  const found = await stat(path)
  if (!found.isFile()) throw Object.assign(new Error('no file'), { code: 'no file' })
  return { location: path, uri: pathToFileURL(path).href, bytes: found.size }
}

function localPathOf(url: string): string {
  const { kind, ...parsed } = parseLocation('link', url)
  return kind === 'file' && 'path' in parsed ? parsed.path : url
}

function refused(fault: LinkFault): Loading<LinkFault> {
  return { bytes: 0, load: () => fault }
}

/** What is told of a picture that cannot be had; throws what is no fault of the picture. */
function faultOf(cause: unknown, link: string): LinkFault {
  const { code: reason = 'an error', name, message } = cause as NodeJS.ErrnoException
  if (name === 'AbortError') throw cause
  if (reason === 'OUTSIDE') {
    const got = "a path that leads out of the root (followed with another root, or links: 'all')"
    return { code: 'OUTSIDE', message: `Expected to read \`${link}\`, got ${got}` }
  }
  if (cause instanceof ConnectorError) {
    if (cause.status === 404 || cause.status === 410) return { code: 'MISSING', message, cause }
    // Any host may fail for itself; where the storage of the list does, so would all that follow.
    if (!/^https?:/i.test(link) && !concernsOne(cause)) throw cause
  }
  if (cause instanceof FlowError) return { code: 'UNREADABLE', message, cause }
  const code = reason === 'ENOENT' || reason === 'ENOTDIR' ? 'MISSING' : 'UNREADABLE'
  return { code, message: `Expected to read \`${link}\`, got ${meaning(reason)}`, cause }
}
