import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { type Answer, type Asked, type FaultyServer, startFaulty } from './faulty-server.ts'

/** How a resource is served. */
export interface Resource {
  readonly bytes: Uint8Array | string
  /**
   * Whether ranges are answered; else all comes, with `Accept-Ranges: none`.
   *
   * @default true
   */
  readonly ranges?: boolean
  /**
   * Whether it has a tag; else it has the time of its change only.
   *
   * @default true
   */
  readonly tag?: boolean
  /**
   * Whether it comes compressed, whatever was asked for.
   *
   * @default false
   */
  readonly gzip?: boolean
  /** User and password without which it is 401. */
  readonly user?: string
  /** Where it is instead: another path, or the URL of another host. */
  readonly movedTo?: string
}

/** A server of files over HTTP that fails on command. */
export interface StaticServer extends FaultyServer {
  /** Serves a resource under a path without `/` in front. */
  put(path: string, resource: Resource): void
}

/** Starts a server of what is put there, on 127.0.0.1. */
export async function startStatic(): Promise<StaticServer> {
  const resources = new Map<string, Resource>()
  const faulty = await startFaulty({
    name: ({ method, url }) => ({
      operation: method,
      key: decodeURIComponent(url.pathname.slice(1)),
    }),
    answer: (asked) => Promise.resolve(answer(asked, resources.get(asked.key))),
    change({ key }) {
      const resource = resources.get(key)
      if (resource) resources.set(key, { ...resource, bytes: inverted(resource.bytes) })
      return Promise.resolve()
    },
  })
  return {
    ...faulty,
    put(path, resource) {
      resources.set(path, resource)
    },
  }
}

function inverted(bytes: Uint8Array | string): Uint8Array {
  return Uint8Array.from(Buffer.from(bytes), (byte) => ~byte)
}

function answer({ headers }: Asked, resource: Resource | undefined): Answer {
  if (!resource) return { status: 404 }
  const { ranges = true, tag = true, gzip = false, user, movedTo } = resource
  if (movedTo !== undefined) return { status: 302, headers: { location: movedTo } }
  const signed = user === undefined || headers.authorization === `Basic ${btoa(user)}`
  if (!signed) return { status: 401, headers: { 'www-authenticate': 'Basic' } }
  const bytes = Buffer.from(resource.bytes)
  const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
  if (headers['if-match'] !== undefined && headers['if-match'] !== etag) return { status: 412 }
  const about = {
    'accept-ranges': ranges ? 'bytes' : 'none',
    'last-modified': 'Sun, 29 Nov 2026 12:00:00 GMT',
    ...(tag && { etag }),
    ...(gzip && { 'content-encoding': 'gzip' }),
  }
  const body = gzip ? gzipSync(bytes) : bytes
  const [, from, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
  if (from === undefined || !ranges) return { status: 200, headers: about, body }
  const part = body.subarray(Number(from), last === '' ? undefined : Number(last) + 1)
  const size = String(body.length)
  if (part.length === 0) return { status: 416, headers: { 'content-range': `bytes */${size}` } }
  const range = `bytes ${from}-${String(Number(from) + part.length - 1)}/${size}`
  return { status: 206, headers: { ...about, 'content-range': range }, body: part }
}
