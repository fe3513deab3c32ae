import { ConnectorError } from '../errors.ts'
import { httpBytes } from '../storage/http-bytes.ts'
import type { Location } from '../storage/location.ts'
import { s3Bytes } from '../storage/s3-bytes.ts'
import { type ListedObject, listObjects } from '../storage/s3-listing.ts'
import { type StorageSettings } from '../storage/storage-options.ts'
import { withoutSecrets } from '../secrets.ts'
import type { FileRoot } from './file-root.ts'
import { Glob, isGlob } from './glob.ts'
import { bytePath, type Found, pathText } from './walk-files.ts'

/** Objects read ahead at most: many small requests go side by side. */
const remoteAhead = 32

/** What is found in a bucket. */
interface FoundObject extends Found {
  readonly object: ListedObject
}

/** A root without what tells it from others. */
type Root = Omit<FileRoot, 'prefix'>

/** The one file at an `http(s):` URL. Its path is that of the URL, without what follows `?`. */
export function httpRoot(location: string, settings: StorageSettings): Root {
  const shown = withoutSecrets(location)
  const [, folder = '', name = ''] = /^(.*?:\/\/[^?#]*\/)([^/?#]*)/.exec(shown) ?? []
  return {
    location: shown,
    folder: bytePath(folder.slice(0, -1)),
    ahead: 1,
    // eslint-disable-next-line @typescript-eslint/require-await -- the same shape as a walk
    async *find(after) {
      if (after === undefined) yield { path: bytePath(decodeURIComponent(name)), kind: 'file' }
    },
    uriOf: () => shown,
    look: () => Promise.resolve(undefined),
    open: () => Promise.resolve(httpBytes(location, settings)),
  }
}

/**
 * What a bucket has at a location: an object, all under a prefix that ends where a folder would, or what fits a glob.
 *
 * @throws {ConnectorError} if there is nothing, or it cannot be listed
 */
export async function s3Root(
  location: string,
  { bucket, key }: Location & { kind: 's3' },
  settings: StorageSettings,
): Promise<Root> {
  const { signal } = new AbortController()
  const one = { bucket, pageSize: 1 }
  async function first(prefix: string): Promise<ListedObject | undefined> {
    for await (const object of listObjects({ ...one, prefix }, settings, signal)) return object
    return undefined
  }

  const folder = key === '' || key.endsWith('/') ? key : `${key}/`
  // Of the keys that begin like it, the one that is equal is the first.
  const object = folder === key ? undefined : await first(key)
  if (object?.key === key) {
    const parent = key.slice(0, key.lastIndexOf('/') + 1)
    return inBucket({ location, bucket, settings, prefix: parent, only: object })
  }
  if (await first(folder)) return inBucket({ location, bucket, settings, prefix: folder })
  const parts = key.split('/')
  const from = parts.findIndex(isGlob)
  if (from >= 0) {
    const prefix = parts
      .slice(0, from)
      .map((part) => `${part}/`)
      .join('')
    const glob = new Glob(parts.slice(from).join('/'))
    return inBucket({ location, bucket, settings, prefix, glob })
  }
  throw new ConnectorError(`Expected an object or a prefix at \`${location}\`, got none`, {
    url: location,
    retryable: false,
  })
}

interface BucketPart {
  readonly location: string
  readonly bucket: string
  readonly settings: StorageSettings
  /** What paths are relative to: empty, or ends with `/`. */
  readonly prefix: string
  readonly glob?: Glob
  readonly only?: ListedObject
}

function inBucket({ location, bucket, settings, prefix, glob, only }: BucketPart): Root {
  async function* objects(
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<ListedObject> {
    if (!only) yield* listObjects({ bucket, prefix, after }, settings, signal)
    else if (after === undefined) yield only
  }

  return {
    location,
    folder: bytePath(`s3://${bucket}/${prefix}`.slice(0, -1)),
    ahead: remoteAhead,
    async *find(after, signal): AsyncGenerator<FoundObject> {
      const from = after === undefined ? undefined : prefix + pathText(after)
      for await (const object of objects(from, signal)) {
        const path = object.key.slice(prefix.length)
        const kind = kindOf(path, glob)
        if (kind) yield { path: bytePath(path), kind, object }
      }
    },
    uriOf: ({ path }) => `s3://${bucket}/${prefix}${pathText(path)}`,
    look(found) {
      const { bytes, modified, etag } = (found as FoundObject).object
      return Promise.resolve({ bytes, modified: Number(modified ?? 0), mark: String(etag) })
    },
    open: (found) => {
      const { object } = found as FoundObject
      return Promise.resolve(s3Bytes({ bucket, key: object.key }, settings, object))
    },
  }
}

/** What a key is, as a folder would be walked: hidden folders are not entered, a glob chooses. */
function kindOf(path: string, glob: Glob | undefined): Found['kind'] | undefined {
  const names = path.split('/')
  // An empty object that stands for a folder.
  if (names.at(-1) === '') return undefined
  if (glob) return glob.matchesPath(path) ? 'file' : undefined
  if (names.slice(0, -1).some((name) => name.startsWith('.'))) return undefined
  return names.at(-1)?.startsWith('.') ? 'other' : 'file'
}
