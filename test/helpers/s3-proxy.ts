import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { awsChunked } from './aws-chunked.ts'
import {
  type Answer,
  type Asked,
  checksumOf,
  errorAnswer,
  type FaultyServer,
  type Service,
  startFaulty,
  without,
} from './faulty-server.ts'
import { listing, objectFile, objectTag } from './s3-objects.ts'
import { s3Account, type S3Server, startS3Server } from './s3-server.ts'
import { type Upload, Uploads } from './s3-uploads.ts'

/** The bucket that there is. */
export const bucket = 'data'

/** An S3 server that behaves as S3 does, or, where it is told to, worse. */
export interface S3 extends FaultyServer {
  /** Options with which it is reached, in a hurry. */
  readonly storage: {
    endpoint: string
    region: string
    requestTimeoutMs: number
    deadlineMs: number
  }
  /** The environment in which it is reached. */
  readonly env: Readonly<Record<string, string>>
  /** Puts an object, not over HTTP. */
  put(key: string, bytes: Uint8Array | string): Promise<void>
  /** An object's bytes, not over HTTP; undefined if there is none. */
  get(key: string): Promise<Buffer | undefined>
  /** Removes an object, not over HTTP. */
  remove(key: string): Promise<void>
  /** Keys with the prefix, in order. */
  keys(prefix?: string): Promise<readonly string[]>
  /** Every upload in parts that was begun. */
  uploads(): readonly Upload[]
  /** Keys of those that were neither completed nor aborted. */
  openUploads(): readonly string[]
}

/**
 * Starts s3rver, and in front of it what it lacks (see s3-server.ts): conditions, the ledger of uploads, checksums,
 * listings in pages, all ranges, and puts that are done whole or not at all. Requests have to be signed by the
 * account, but signatures are not verified.
 */
export async function startS3(): Promise<S3> {
  const server = await startS3Server([bucket])
  const service = new S3Service(server)
  const faulty = await startFaulty(service)
  return {
    ...faulty,
    storage: {
      endpoint: faulty.origin,
      region: 'us-east-1',
      requestTimeoutMs: 250,
      deadlineMs: 1_500,
    },
    env: {
      AWS_ENDPOINT_URL_S3: faulty.origin,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: s3Account.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Account.secretAccessKey,
    },
    put: (key, bytes) => service.store(key, Buffer.from(bytes)),
    async get(key) {
      const path = objectFile(server.folder, bucket, key)
      return existsSync(path) ? readFile(path) : undefined
    },
    remove: (key) => rm(objectFile(server.folder, bucket, key)),
    keys: (prefix) => service.keys(prefix),
    uploads: () => service.uploads.all,
    openUploads: () =>
      service.uploads.all.flatMap(({ key, state }) => (state === 'open' ? [key] : [])),
    async close() {
      await faulty.close()
      await server.close()
    },
  }
}

class S3Service implements Service {
  readonly uploads = new Uploads()
  readonly #server: S3Server
  readonly #checksums = new Map<string, string>()
  /** The end of what was last begun to be written under a key. */
  readonly #writes = new Map<string, Promise<unknown>>()

  constructor(server: S3Server) {
    this.#server = server
  }

  name({ method, url }: Pick<Asked, 'method' | 'url'>): { operation: string; key: string } {
    const [, , ...parts] = url.pathname.split('/')
    const key = decodeURIComponent(parts.join('/'))
    const query = url.searchParams
    if (key === '') {
      if (query.has('uploads')) return { operation: 'ListMultipartUploads', key }
      return { operation: query.has('list-type') ? 'ListObjectsV2' : 'other', key }
    }
    const inParts = query.has('uploadId') || query.has('uploads')
    const operation =
      method === 'POST' && query.has('uploads')
        ? 'CreateMultipartUpload'
        : (inParts ? partOperations : operations)[method]
    return { operation: operation ?? 'other', key }
  }

  async answer(asked: Asked): Promise<Answer> {
    const signed = asked.headers.authorization ?? asked.url.searchParams.get('X-Amz-Credential')
    if (!signed?.includes(s3Account.accessKeyId))
      return errorAnswer(403, 'AccessDenied', 'Access Denied')
    const plain = awsChunked(asked)
    if ('status' in plain) return plain
    switch (plain.operation) {
      case 'ListObjectsV2':
        return this.#list(plain)
      case 'GetObject':
      case 'HeadObject':
        return this.#read(plain)
      case 'PutObject':
        return this.#inTurn(plain, () => this.#put(plain))
      case 'CreateMultipartUpload':
        return this.uploads.created(bucket, plain.key, await this.#forward(plain))
      case 'ListMultipartUploads':
        return this.uploads.listed(bucket, plain.url.searchParams.get('prefix') ?? '')
      case 'UploadPart':
      case 'CompleteMultipartUpload':
      case 'AbortMultipartUpload':
      case 'ListParts':
        return this.#inTurn(plain, () => this.#uploading(plain))
      default:
        return this.#forward(plain)
    }
  }

  async change({ key }: Asked): Promise<void> {
    const path = this.#path(key)
    if (existsSync(path)) await this.store(key, Buffer.from((await readFile(path)).map((b) => ~b)))
  }

  async store(key: string, bytes: Buffer): Promise<void> {
    const path = this.#path(key)
    this.#checksums.delete(key)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, bytes)
    await writeFile(`${path}.md5`, createHash('md5').update(bytes).digest('hex'))
  }

  async keys(prefix = ''): Promise<readonly string[]> {
    const page = { prefix, delimiter: '', after: '', maxKeys: Infinity, encoded: true }
    const listed = await listing(bucket, this.#path(''), page)
    return [...listed.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key = '']) => decodeURIComponent(key))
  }

  async #list({ url }: Asked): Promise<Answer> {
    const query = url.searchParams
    const token = query.get('continuation-token')
    const body = await listing(bucket, this.#path(''), {
      prefix: query.get('prefix') ?? '',
      delimiter: query.get('delimiter') ?? '',
      after:
        token === null
          ? (query.get('start-after') ?? '')
          : Buffer.from(token, 'base64url').toString(),
      maxKeys: Math.min(Number(query.get('max-keys') ?? 1_000), 1_000),
      encoded: query.get('encoding-type') === 'url',
    })
    return { status: 200, headers: { 'content-type': 'application/xml' }, body }
  }

  async #read(asked: Asked): Promise<Answer> {
    const path = this.#path(asked.key)
    const refusal = await this.#refusal(asked, path)
    if (refusal) return refusal
    const range = existsSync(path) ? await rangeOf(asked, path) : undefined
    if (range === null) return errorAnswer(416, 'InvalidRange', 'The range is not satisfiable')
    // The server takes an end of 0 for none.
    const bytes = range && `bytes=${String(range.from)}-${String(Math.max(range.last, 1))}`
    const headers = { ...without(asked.headers, 'range'), ...(bytes && { range: bytes }) }
    const given = await this.#forward({ ...asked, headers })
    const checksum = this.#checksums.get(asked.key)
    if (range?.last === 0 && given.status === 206) return firstByte(given)
    if (range || checksum === undefined || given.status !== 200) return given
    return { ...given, headers: { ...given.headers, 'x-amz-checksum-crc32': checksum } }
  }

  async #put(asked: Asked): Promise<Answer> {
    const refusal = await this.#refusal(asked, this.#path(asked.key))
    if (refusal) return refusal
    const answer = await this.#forward(asked)
    if (answer.status === 200) this.#checksums.set(asked.key, checksumOf(asked.body))
    return answer
  }

  async #uploading(asked: Asked): Promise<Answer> {
    const upload = this.uploads.find(asked)
    if ('status' in upload) return upload
    if (asked.operation === 'ListParts') return this.uploads.listedParts(upload)
    if (asked.operation === 'AbortMultipartUpload')
      return this.uploads.aborted(upload, this.#server.folder)
    if (asked.operation === 'UploadPart') {
      const answer = await this.#forward(asked)
      this.uploads.stored(upload, asked, answer)
      return answer
    }
    const path = this.#path(asked.key)
    const refusal = (await this.#refusal(asked, path)) ?? this.uploads.refusal(upload, asked)
    if (refusal) return refusal
    const answer = await this.#forward(asked)
    this.#checksums.delete(asked.key)
    const tag = await this.uploads.completed(upload, path)
    const body = String(answer.body).replace(/<ETag>.*?<\/ETag>/, `<ETag>${tag}</ETag>`)
    return { ...answer, body }
  }

  /** Refuses what does not meet the conditions of the request. */
  async #refusal({ method, headers }: Asked, path: string): Promise<Answer | undefined> {
    const tag = await objectTag(path)
    const wanted = headers['if-match']
    const reading = method === 'GET' || method === 'HEAD'
    // The server looks at the If-None-Match of a read.
    const unmet =
      (wanted !== undefined && wanted !== tag && !(reading && tag === undefined)) ||
      (!reading && headers['if-none-match'] === '*' && tag !== undefined)
    if (unmet) return errorAnswer(412, 'PreconditionFailed', 'A precondition did not hold')
    return undefined
  }

  /** Writes to a key one after the other: what a condition has seen is so until the write is done. */
  #inTurn(asked: Asked, write: () => Promise<Answer>): Promise<Answer> {
    const done = (this.#writes.get(asked.key) ?? Promise.resolve()).then(write)
    this.#writes.set(
      asked.key,
      done.catch(() => undefined),
    )
    return done
  }

  #path(key: string): string {
    return key === ''
      ? `${this.#server.folder}/${bucket}`
      : objectFile(this.#server.folder, bucket, key)
  }

  #forward({ method, url, headers, body }: Asked): Promise<Answer> {
    const kept = Object.entries(headers).filter(([name]) => forwarded.test(name))
    return new Promise((resolve, reject) => {
      const length = { 'content-length': String(body.length) }
      const target = new URL(url.pathname + url.search, this.#server.endpoint)
      request(
        target,
        { method, headers: { ...Object.fromEntries(kept), ...length } },
        (response) => {
          const pieces: Buffer[] = []
          response.on('data', (piece: Buffer) => pieces.push(piece))
          response.on('error', reject)
          response.on('end', () => {
            const own = ['connection', 'keep-alive', 'transfer-encoding']
            if (method !== 'HEAD') own.push('content-length')
            resolve({
              status: response.statusCode ?? 500,
              headers: without(response.headers, ...own) as Record<string, string>,
              body: Buffer.concat(pieces),
            })
          })
        },
      )
        .on('error', reject)
        .end(body)
    })
  }
}

const operations: Readonly<Record<string, string>> = {
  GET: 'GetObject',
  HEAD: 'HeadObject',
  PUT: 'PutObject',
  DELETE: 'DeleteObject',
}

const partOperations: Readonly<Record<string, string>> = {
  GET: 'ListParts',
  PUT: 'UploadPart',
  POST: 'CompleteMultipartUpload',
  DELETE: 'AbortMultipartUpload',
}

/** Headers that the server understands; it is not told who asks. */
const forwarded =
  /^(range|if-none-match|content-type|content-encoding|cache-control|x-amz-meta-.*)$/

/** The range that is asked for; null if there is nothing of it, undefined if all is asked for. */
async function rangeOf({ headers: { range } }: Asked, path: string) {
  const [, start = '', end = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? []
  if (start === '' && end === '') return undefined
  const { size } = await stat(path)
  const from = start === '' ? Math.max(0, size - Number(end)) : Number(start)
  const last = start === '' || end === '' ? size - 1 : Math.min(Number(end), size - 1)
  return from > last ? null : { from, last }
}

function firstByte({ headers, body }: Answer): Answer {
  const [, size = ''] = (headers?.['content-range'] ?? '').split('/')
  const length = headers?.['content-length'] === undefined ? {} : { 'content-length': '1' }
  return {
    status: 206,
    headers: { ...headers, ...length, 'content-range': `bytes 0-0/${size}` },
    body: Buffer.from(body ?? '').subarray(0, 1),
  }
}
