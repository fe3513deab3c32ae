import type { _Object as Listed } from '@aws-sdk/client-s3'
import { ConnectorError } from '../errors.ts'
import { askS3 } from './ask-s3.ts'
import type { RemoteFacts } from './remote-bytes.ts'
import { s3Url } from './s3-bytes.ts'
import type { StorageSettings } from './storage-options.ts'

/** An object as a listing tells it. */
export interface ListedObject extends RemoteFacts {
  /** Its key. */
  readonly key: string
  /** When it was put there. */
  readonly modified: Date | undefined
}

/** Which objects are listed. */
export interface Listing {
  /** Their bucket. */
  readonly bucket: string
  /** What their keys begin with. */
  readonly prefix: string
  /** Keys behind this one. */
  readonly after?: string | undefined
  /**
   * Most objects of an answer.
   *
   * @default 1000, the most there are
   */
  readonly pageSize?: number
}

/** The objects of a bucket in the order of their keys' bytes. Holds one answer of the service. */
export async function* listObjects(
  { bucket, prefix, after, pageSize }: Listing,
  settings: StorageSettings,
  signal: AbortSignal,
): AsyncGenerator<ListedObject> {
  const url = s3Url({ bucket, key: prefix })
  let token: string | undefined
  do {
    const from = token === undefined ? { StartAfter: after } : { ContinuationToken: token }
    const page = await askS3({ settings, signal, what: 'list', url }, ({ s3, client, how }) =>
      client.send(
        new s3.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: pageSize, ...from }),
        how,
      ),
    )
    for (const object of page.Contents ?? []) yield listed(object)
    token = page.IsTruncated ? page.NextContinuationToken : undefined
    // Ending here would leave out objects.
    if (page.IsTruncated && token === undefined) throw cutListing(url)
  } while (token !== undefined)
}

function listed({ Key = '', Size = 0, ETag, LastModified }: Listed): ListedObject {
  return { key: Key, bytes: Size, etag: ETag, modified: LastModified }
}

function cutListing(url: string): ConnectorError {
  return new ConnectorError(
    `Expected to list ${url}, got a part of it without a token to go on from: the server does not speak ListObjectsV2`,
    { url, retryable: false },
  )
}
