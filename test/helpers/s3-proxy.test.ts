import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Fault } from './faulty-server.ts'
import { bucket as Bucket, type S3, startS3 } from './s3-proxy.ts'
import { s3Account } from './s3-server.ts'

let s3: S3
let client: S3Client
beforeAll(async () => {
  s3 = await startS3()
  const { endpoint, region } = s3.storage
  client = new S3Client({
    endpoint,
    region,
    credentials: s3Account,
    forcePathStyle: true,
    maxAttempts: 1,
  })
})
afterAll(async () => {
  client.destroy()
  await s3.close()
})
beforeEach(() => {
  s3.calm()
})

async function get(Key: string, more: object = {}) {
  const { Body, ContentRange } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }))
  return [await Body?.transformToString(), ContentRange]
}

function put(Key: string, Body: string | Buffer | Readable, more: object = {}) {
  return client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }))
}

/** Keys whose order is not that of a walk through folders, and such that are hard to write. */
const keys = [
  'a-b',
  'a/b',
  'a/b/c',
  'a0',
  "it's (1)*!",
  'pl+us',
  'per%20cent',
  'sp ace',
  'x&<y>',
  'ünï',
]

describe('startS3', () => {
  it('keeps objects under any name, and lists them in pages in the order of their bytes', async () => {
    for (const key of keys) await put(`order/${key}`, key)
    for (const key of keys) expect(await get(`order/${key}`)).toEqual([key, undefined])
    for (const EncodingType of [undefined, 'url'] as const) {
      const found: string[] = []
      let ContinuationToken: string | undefined
      do {
        const page = { Bucket, Prefix: 'order/', MaxKeys: 3, ContinuationToken, EncodingType }
        const listed = await client.send(new ListObjectsV2Command(page))
        found.push(...(listed.Contents ?? []).map(({ Key = '' }) => Key))
        ContinuationToken = listed.NextContinuationToken
      } while (ContinuationToken !== undefined)
      const told = EncodingType === 'url' ? found.map(decodeURIComponent) : found
      expect(told).toEqual(keys.map((key) => `order/${key}`).sort())
    }
    const after = {
      Bucket,
      Prefix: 'order/',
      StartAfter: 'order/a/b/c',
      Delimiter: '/',
      MaxKeys: 1,
    }
    const { Contents, IsTruncated } = await client.send(new ListObjectsV2Command(after))
    expect([Contents?.[0]?.Key, IsTruncated]).toEqual(['order/a0', true])
    const folders = { Bucket, Prefix: 'order/', Delimiter: '/' }
    const { CommonPrefixes } = await client.send(new ListObjectsV2Command(folders))
    expect(CommonPrefixes).toEqual([{ Prefix: 'order/a/' }])
  })

  it.each([
    ['bytes=0-0', 'h', 'bytes 0-0/5'],
    ['bytes=1-2', 'el', 'bytes 1-2/5'],
    ['bytes=3-99', 'lo', 'bytes 3-4/5'],
    ['bytes=-2', 'lo', 'bytes 3-4/5'],
  ])('gives the range %s', async (Range, ...expected) => {
    await s3.put('hello', 'hello')
    expect(await get('hello', { Range })).toEqual(expected)
    expect(s3.bytesRead(/^hello$/)).toBe(expected[0].length)
  })

  it('refuses ranges of which nothing is there', async () => {
    await put('zero', '')
    expect(await get('zero')).toEqual(['', undefined])
    for (const [key, Range] of [
      ['zero', 'bytes=0-9'],
      ['hello', 'bytes=5-9'],
    ] as const)
      await expect(get(key, { Range })).rejects.toMatchObject({ name: 'InvalidRange' })
  })

  it('holds conditions', async () => {
    const failed = { name: 'PreconditionFailed', $metadata: { httpStatusCode: 412 } }
    const { ETag = '' } = await put('once', '1', { IfNoneMatch: '*' })
    await expect(put('once', '2', { IfNoneMatch: '*' })).rejects.toMatchObject(failed)
    await expect(put('once', '2', { IfMatch: '"other"' })).rejects.toMatchObject(failed)
    await expect(get('once', { IfMatch: '"other"' })).rejects.toMatchObject(failed)
    expect(await get('once', { IfMatch: ETag })).toEqual(['1', undefined])
    const racing = ['a', 'b', 'c'].map((body) => put('raced', body, { IfNoneMatch: '*' }))
    const outcomes = await Promise.allSettled(racing)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('takes bodies in chunks with a checksum behind them, and none that does not fit', async () => {
    const body = Buffer.alloc(200_000, 'chunks')
    await put('stream', Readable.from([body]), { ContentLength: body.length })
    expect((await s3.get('stream'))?.equals(body)).toBe(true)
    await expect(put('bad', 'x', { ChecksumCRC32: 'AAAAAA==' })).rejects.toMatchObject({
      name: 'BadDigest',
    })
    expect(await s3.get('bad')).toBeUndefined()
  })

  it('keeps the ledger of uploads in parts', async () => {
    const Key = 'parts'
    const parts = [Buffer.alloc(5 * 2 ** 20, 1), Buffer.from('end')]
    async function upload(bodies: readonly Buffer[]) {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))
      const Parts: { PartNumber: number; ETag: string | undefined }[] = []
      for (const [i, Body] of bodies.entries()) {
        const part = { Bucket, Key, UploadId, PartNumber: i + 1, Body }
        const { ETag } = await client.send(new UploadPartCommand(part))
        Parts.push({ PartNumber: i + 1, ETag })
      }
      return { Bucket, Key, UploadId, MultipartUpload: { Parts } }
    }
    const small = await upload(parts.toReversed())
    await expect(client.send(new CompleteMultipartUploadCommand(small))).rejects.toMatchObject({
      name: 'EntityTooSmall',
    })
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
    expect(Uploads?.map((open) => open.UploadId)).toEqual([small.UploadId])
    expect(s3.openUploads()).toEqual([Key])
    await client.send(new AbortMultipartUploadCommand(small))
    expect(s3.openUploads()).toEqual([])

    const fine = { ...(await upload(parts)), IfNoneMatch: '*' }
    const { ETag = '' } = await client.send(new CompleteMultipartUploadCommand(fine))
    expect(ETag).toMatch(/^"[\da-f]{32}-2"$/)
    const head = await client.send(new HeadObjectCommand({ Bucket, Key }))
    expect([head.ETag, head.ContentLength]).toEqual([ETag, 5 * 2 ** 20 + 3])
    await expect(client.send(new CompleteMultipartUploadCommand(fine))).rejects.toMatchObject({
      name: 'NoSuchUpload',
    })
    const second = { ...(await upload(parts)), IfNoneMatch: '*' }
    await expect(client.send(new CompleteMultipartUploadCommand(second))).rejects.toMatchObject({
      name: 'PreconditionFailed',
    })
    expect(s3.uploads().map(({ state }) => state)).toEqual(['aborted', 'completed', 'open'])
  })

  it('refuses who does not sign', async () => {
    await s3.put('hello', 'hello')
    expect((await fetch(`${s3.origin}/${Bucket}/hello`)).status).toBe(403)
  })

  const faults: readonly (readonly [Fault, object])[] = [
    ['internal error', { name: 'InternalError', $metadata: { httpStatusCode: 500 } }],
    ['slow down', { name: 'SlowDown', $metadata: { httpStatusCode: 503 } }],
    ['expired token', { name: 'ExpiredToken', $metadata: { httpStatusCode: 400 } }],
    ['access denied', { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } }],
    ['not found', { name: 'NoSuchKey', $metadata: { httpStatusCode: 404 } }],
    ['wrong region', { name: 'PermanentRedirect', $metadata: { httpStatusCode: 301 } }],
    ['reset', { code: 'ECONNRESET' }],
    ['silence', { name: 'AbortError' }],
    ['answer lost', { code: 'ECONNRESET' }],
    ['reset amid body', { code: 'ECONNRESET' }],
    ['cut', { code: 'ECONNRESET' }],
    ['stalled', { message: 'aborted' }],
    ['wrong checksum', { message: expect.stringContaining('Checksum mismatch') as string }],
  ]
  it.each(faults)('does a request wrong: %s', async (fault, error) => {
    await put('victim', 'victim')
    s3.inject({ fault, of: 'GetObject', key: /^victim/, after: 1, times: 1 })
    expect(await get('victim')).toEqual(['victim', undefined])
    const abortSignal =
      fault === 'silence' || fault === 'stalled' ? AbortSignal.timeout(50) : undefined
    const failing = client
      .send(new GetObjectCommand({ Bucket, Key: 'victim' }), {
        ...(abortSignal && { abortSignal }),
      })
      .then(({ Body }) => Body?.transformToString())
    await expect(failing).rejects.toMatchObject(error)
    expect(await get('victim')).toEqual(['victim', undefined])
    expect(s3.served.map((one) => one.fault)).toEqual([undefined, undefined, fault, undefined])
  })

  it('gives what can only be seen by who looks: all, half, and something else', async () => {
    await put('victim', 'victim')
    const range = { Range: 'bytes=0-3' }
    s3.inject({ fault: 'whole', times: 1 }, { fault: 'cut without length', times: 1 })
    expect(await get('victim', range)).toEqual(['victim', undefined])
    expect(await get('victim', range)).toEqual(['vi', 'bytes 0-3/6'])
    const { ETag = '' } = await client.send(new HeadObjectCommand({ Bucket, Key: 'victim' }))
    s3.inject({ fault: 'changed', times: 1 })
    await expect(get('victim', { IfMatch: ETag })).rejects.toMatchObject({
      name: 'PreconditionFailed',
    })
    expect(await get('victim')).not.toEqual(['victim', undefined])
  })

  it('has done what it does not answer', async () => {
    s3.inject({ fault: 'answer lost', of: 'PUT', times: 1 })
    await expect(put('lost', 'done')).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(await get('lost')).toEqual(['done', undefined])
  })

  it('fails by chance, the same for the same seed', async () => {
    async function failures() {
      s3.calm()
      s3.inject({ fault: 'internal error', of: 'GET', probability: { of: 0.5, seed: 3 } })
      for (let i = 0; i < 20; i++) await get('victim').catch(() => undefined)
      return s3.served.map(({ fault }) => fault !== undefined)
    }
    const first = await failures()
    expect(first.filter(Boolean).length).toBeGreaterThan(4)
    expect(await failures()).toEqual(first)
  })
})
