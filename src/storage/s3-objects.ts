import { ConnectorError } from '../errors.ts'
import { askS3 } from './ask-s3.ts'
import { type S3Place, s3Url } from './s3-bytes.ts'
import type { StorageSettings } from './storage-options.ts'

/** Puts a small object, over one of that key. */
export async function putObject(
  place: S3Place,
  body: Uint8Array,
  settings: StorageSettings,
  signal: AbortSignal,
): Promise<void> {
  const object = { Bucket: place.bucket, Key: place.key, Body: body }
  await askS3({ settings, signal, what: 'write', url: s3Url(place) }, ({ s3, client, how }) =>
    client.send(new s3.PutObjectCommand(object), how),
  )
}

/**
 * Puts a small object unless there is one of that key (`If-None-Match: *`). Says whether it did; not if the answer to
 * a try that did was lost.
 */
export async function putNew(
  place: S3Place,
  body: Uint8Array,
  settings: StorageSettings,
  signal: AbortSignal,
): Promise<boolean> {
  const object = { Bucket: place.bucket, Key: place.key, Body: body, IfNoneMatch: '*' }
  try {
    await askS3({ settings, signal, what: 'write', url: s3Url(place) }, ({ s3, client, how }) =>
      client.send(new s3.PutObjectCommand(object), how),
    )
    return true
  } catch (error) {
    if (error instanceof ConnectorError && error.status === 412) return false
    throw error
  }
}

/** Removes an object, if it is there. */
export async function removeObject(
  place: S3Place,
  settings: StorageSettings,
  signal: AbortSignal,
): Promise<void> {
  const object = { Bucket: place.bucket, Key: place.key }
  await askS3({ settings, signal, what: 'remove', url: s3Url(place) }, ({ s3, client, how }) =>
    client.send(new s3.DeleteObjectCommand(object), how),
  )
}
