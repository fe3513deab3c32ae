import type { Readable } from 'node:stream'
import type { ByteSource } from './byte-source.ts'
import { changed, part, RemoteBytes, type RemoteBody, type RemoteFacts } from './remote-bytes.ts'
import { s3Access, s3Error } from './s3-client.ts'
import type { StorageSettings } from './storage-options.ts'

/** Where an object lies. */
export interface S3Place {
  /** Its bucket. */
  readonly bucket: string
  /** Its key. */
  readonly key: string
}

/** The `s3:` URL of an object. */
export function s3Url({ bucket, key }: S3Place): string {
  return `s3://${bucket}/${key}`
}

/** An object in a bucket; whoever has its facts from a listing spares a request. */
export function s3Bytes(
  place: S3Place,
  settings: StorageSettings,
  known?: RemoteFacts,
): ByteSource {
  const { bucket, key } = place
  const url = s3Url(place)
  const tried = { what: 'read', url }
  return new RemoteBytes(
    {
      url,
      async head(signal): Promise<RemoteFacts> {
        const { s3, client } = await s3Access(settings)
        const command = new s3.HeadObjectCommand({ Bucket: bucket, Key: key })
        try {
          const { ContentLength = 0, ETag } = await client.send(command, { abortSignal: signal })
          return { bytes: ContentLength, etag: ETag }
        } catch (cause) {
          throw s3Error(cause, tried)
        }
      },
      async get(range, signal): Promise<RemoteBody> {
        const { from, to, etag } = range
        const { s3, client } = await s3Access(settings)
        const last = to === undefined ? '' : String(to - 1)
        const command = new s3.GetObjectCommand({
          Bucket: bucket,
          Key: key,
          ...((from > 0 || to !== undefined) && { Range: `bytes=${String(from)}-${last}` }),
          ...(etag !== undefined && { IfMatch: etag }),
        })
        try {
          const { Body, ContentRange, ContentLength } = await client.send(command, {
            abortSignal: signal,
          })
          const [, total = ContentLength] = /\/(\d+)$/.exec(ContentRange ?? '') ?? []
          const body = bodyOf(Body as Readable, url)
          const pieces = ContentRange === undefined ? part(body, range) : body
          return { pieces, ...(total !== undefined && { total: Number(total) }) }
        } catch (cause) {
          const { $metadata } = cause as { $metadata?: { httpStatusCode?: number } }
          throw $metadata?.httpStatusCode === 412 ? changed(url) : s3Error(cause, tried)
        }
      },
    },
    settings,
    known,
  )
}

async function* bodyOf(body: Readable, url: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body) yield piece as Uint8Array
  } catch (cause) {
    throw s3Error(cause, { what: 'read', url })
  } finally {
    body.destroy()
  }
}
