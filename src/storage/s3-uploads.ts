import type {
  ListMultipartUploadsCommandInput,
  ListMultipartUploadsCommandOutput,
} from '@aws-sdk/client-s3'
import { askS3, type Asking } from './ask-s3.ts'
import { s3Url } from './s3-bytes.ts'

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

/** Aborts the open uploads of keys with a prefix that are `chosen`. */
export async function abortUploads(
  place: Uploading,
  how: Pick<Asking, 'settings' | 'signal'>,
  chosen: (upload: OpenUpload) => boolean,
): Promise<void> {
  const found: OpenUpload[] = []
  for await (const upload of openUploads(place, how)) if (chosen(upload)) found.push(upload)
  for (const { id, key } of found) {
    const url = s3Url({ bucket: place.bucket, key })
    const upload = { Bucket: place.bucket, Key: key, UploadId: id }
    await askS3({ ...how, what: 'abort the upload of', url }, ({ s3, client, how: options }) =>
      client.send(new s3.AbortMultipartUploadCommand(upload), options),
    )
  }
}

async function* openUploads(
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
