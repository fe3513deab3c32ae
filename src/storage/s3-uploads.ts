import type {
  ListMultipartUploadsCommandInput,
  ListMultipartUploadsCommandOutput,
} from '@aws-sdk/client-s3'
import { ConnectorError } from '../errors.ts'
import { askS3, type Asking } from './ask-s3.ts'
import { type S3Place, s3Url } from './s3-bytes.ts'

/** An upload that was neither completed nor aborted. */
export interface OpenUpload {
  /** Its id. */
  readonly id: string
  /** The key that its object would have. */
  readonly key: string
  /** When it was begun. */
  readonly began: Date
}

/** Where uploads are looked for. */
interface Uploading {
  readonly bucket: string
  readonly prefix: string
}

/** Aborts those of the open uploads of keys with a prefix that are `chosen` among all of them. */
export async function abortUploads(
  place: Uploading,
  how: Pick<Asking, 'settings' | 'signal'>,
  chosen: (upload: OpenUpload, all: readonly OpenUpload[]) => boolean,
): Promise<void> {
  const found: OpenUpload[] = []
  for await (const upload of openUploads(place, how)) found.push(upload)
  for (const { id, key } of found.filter((upload) => chosen(upload, found)))
    await abortUpload({ bucket: place.bucket, key }, id, how)
}

/** Aborts an upload, if it is there (any more). */
export async function abortUpload(
  place: S3Place,
  id: string,
  how: Pick<Asking, 'settings' | 'signal'>,
): Promise<void> {
  const upload = { Bucket: place.bucket, Key: place.key, UploadId: id }
  try {
    await askS3(
      { ...how, what: 'abort the upload of', url: s3Url(place) },
      ({ s3, client, how: options }) =>
        client.send(new s3.AbortMultipartUploadCommand(upload), options),
    )
  } catch (error) {
    // A try whose answer was lost may have aborted it.
    if (!(error instanceof ConnectorError) || error.status !== 404) throw error
  }
}

/** The open uploads of keys with a prefix. */
export async function* openUploads(
  { bucket, prefix }: Uploading,
  how: Pick<Asking, 'settings' | 'signal'>,
): AsyncGenerator<OpenUpload> {
  const asking = { ...how, what: 'list the uploads of', url: s3Url({ bucket, key: prefix }) }
  for (let from: Partial<ListMultipartUploadsCommandInput> | undefined = {}; from;) {
    const input = { Bucket: bucket, Prefix: prefix, ...from }
    const page: ListMultipartUploadsCommandOutput = await askS3(asking, ({ s3, client, how }) =>
      client.send(new s3.ListMultipartUploadsCommand(input), how),
    )
    for (const { UploadId: id = '', Key: key = '', Initiated: began } of page.Uploads ?? [])
      yield { id, key, began: began ?? new Date(0) }
    const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
    from = IsTruncated ? { KeyMarker, UploadIdMarker } : undefined
  }
}
