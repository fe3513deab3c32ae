import type { S3ServiceException } from '@aws-sdk/client-s3'
import { ConnectorError, OptionError } from '../errors.ts'
import { failPoint } from '../run/fail-point.ts'
import { askS3 } from '../storage/ask-s3.ts'
import { parseLocation } from '../storage/location.ts'
import { type S3Place, s3Url } from '../storage/s3-bytes.ts'
import { listObjects } from '../storage/s3-listing.ts'
import { removeObject } from '../storage/s3-objects.ts'
import { abortUpload, abortUploads, openUploads } from '../storage/s3-uploads.ts'
import type { StorageSettings } from '../storage/storage-options.ts'
import type { FolderEntry, OutputStore } from './output.ts'
import { S3Upload, tagKey, type UploadState } from './s3-upload.ts'

/** How objects are written. */
interface Writing {
  readonly settings: StorageSettings
  /** Ends the writing; not what is cleared away. */
  readonly signal: AbortSignal
  /** Whether the run may be one that is done again: then what it left under a key before is aborted. */
  readonly again: boolean
}

/** Buckets as a place for outputs: what is not published yet is an upload that nobody sees. */
export function s3Outputs(writing: Writing): OutputStore {
  const { settings, again } = writing
  const clearing = { settings, signal: new AbortController().signal }
  async function clear({ bucket, key }: S3Place, kept?: string): Promise<void> {
    await abortUploads(
      { bucket, prefix: key },
      clearing,
      (upload) => upload.key === key && upload.id !== kept,
    )
  }

  return {
    async create(path) {
      const place = placeOf(path)
      // One that was begun before the first checkpoint.
      if (again) await clear(place)
      return new S3Upload({ place }, writing)
    },
    async resume(state) {
      const saved = state as UploadState
      // One that was begun after the checkpoint.
      await clear(saved.place, saved.upload)
      return new S3Upload(saved, writing)
    },
    publish: (state, { taken }) => publish(state as UploadState, { settings, taken }),
    remove: (state) => S3Upload.remove(state as UploadState, settings),
    has: async (path) => (await found(placeOf(path), settings)) !== undefined,
    makeFolder: () => Promise.resolve(),
    entries: (folder) => entriesIn(placeOf(folder), clearing),
    within(folder, name) {
      const { bucket, key } = placeOf(folder)
      return s3Url({ bucket, key: folderOf(key) + name })
    },
  }
}

function placeOf(path: string): S3Place {
  const place = parseLocation('path', path)
  if (place.kind === 's3' && place.key !== '') return place
  throw new OptionError(`Expected option \`path\` to be s3://bucket/key, got \`${path}\``)
}

function folderOf(key: string): string {
  return key.endsWith('/') ? key : `${key}/`
}

async function* entriesIn(
  { bucket, key }: S3Place,
  how: { readonly settings: StorageSettings; readonly signal: AbortSignal },
): AsyncGenerator<FolderEntry> {
  const { settings, signal } = how
  const prefix = folderOf(key)
  for await (const upload of openUploads({ bucket, prefix }, how))
    yield {
      path: upload.key.slice(prefix.length),
      published: false,
      remove: () => abortUpload({ bucket, key: upload.key }, upload.id, how),
    }
  for await (const object of listObjects({ bucket, prefix }, settings, signal))
    yield {
      path: object.key.slice(prefix.length),
      published: true,
      remove: () => removeObject({ bucket, key: object.key }, settings, signal),
    }
}

async function publish(
  state: UploadState,
  { settings, taken }: { readonly settings: StorageSettings; readonly taken: boolean },
): Promise<void> {
  const { place, upload, parts } = state
  const { bucket: Bucket, key: Key } = place
  const url = s3Url(place)
  const { signal } = new AbortController()
  failPoint('upload: before complete')
  try {
    await askS3({ settings, signal, what: 'complete the upload of', url }, ({ s3, client, how }) =>
      client.send(
        new s3.CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId: upload,
          MultipartUpload: { Parts: [...parts] },
        }),
        how,
      ),
    )
  } catch (error) {
    if (!isGone(error) || !(await isPublished(state, { settings, taken }))) throw error
  }
  failPoint('upload: after complete')
}

/** Whether an upload is not there, since it was completed, or aborted. */
function isGone(error: unknown): boolean {
  const { name } = ((error as Error).cause ?? {}) as Partial<S3ServiceException>
  return error instanceof ConnectorError && name === 'NoSuchUpload'
}

/** Whether an upload that is gone was completed, as its object shows; whom it was for may have taken it away. */
async function isPublished(
  { place, tag, bytes }: UploadState,
  { settings, taken }: { readonly settings: StorageSettings; readonly taken: boolean },
): Promise<boolean> {
  const there = await found(place, settings)
  if (!there) return taken
  return there.bytes === bytes && there.tag === tag
}

async function found(
  place: S3Place,
  settings: StorageSettings,
): Promise<{ readonly bytes: number; readonly tag: string | undefined } | undefined> {
  const { bucket: Bucket, key: Key } = place
  const { signal } = new AbortController()
  try {
    const { ContentLength = 0, Metadata } = await askS3(
      { settings, signal, what: 'look for', url: s3Url(place) },
      ({ s3, client, how }) => client.send(new s3.HeadObjectCommand({ Bucket, Key }), how),
    )
    return { bytes: ContentLength, tag: Metadata?.[tagKey] }
  } catch (error) {
    if (error instanceof ConnectorError && error.status === 404) return undefined
    throw error
  }
}
