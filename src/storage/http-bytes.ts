import { ConnectorError } from '../errors.ts'
import { withoutSecrets } from '../secrets.ts'
import type { ByteSource } from './byte-source.ts'
import {
  changed,
  part,
  RemoteBytes,
  type RemoteBody,
  type RemoteFacts,
  type RemoteRange,
} from './remote-bytes.ts'
import type { StorageSettings } from './storage-options.ts'
import { connectionError, refusedBy } from './transport-error.ts'

/** An HTTP resource, read by ranges where its server knows them; a user and password go as basic authentication. */
export function httpBytes(address: string, settings: StorageSettings): ByteSource {
  const url = withoutSecrets(address)
  const { href, headers } = request(address)

  async function ask(
    range: RemoteRange | undefined,
    signal: AbortSignal,
  ): Promise<Response & { body: NonNullable<Response['body']> }> {
    const response = await fetch(href, {
      headers: { ...headers, ...(range && rangeHeaders(range)) },
      signal,
    }).catch((cause: unknown) => {
      throw unreached(cause, url)
    })
    if (response.body && (response.status === 200 || response.status === 206 || isEmpty(response)))
      return response as Awaited<ReturnType<typeof ask>>
    await response.body?.cancel()
    throw refusal(response, url)
  }

  return new RemoteBytes(
    {
      url,
      async head(signal): Promise<RemoteFacts> {
        // The first byte tells the size where a HEAD is not answered or leaves it out.
        const response = await ask({ from: 0, to: 1 }, signal)
        await response.body.cancel()
        const bytes = totalOf(response)
        if (bytes === undefined) throw noSize(url)
        return { bytes, etag: versionOf(response) }
      },
      async get(range, signal): Promise<RemoteBody> {
        const response = await ask(range, signal)
        const version = versionOf(response)
        if (range.etag !== undefined && version !== undefined && version !== range.etag)
          throw changed(url)
        // A server that does not know ranges sends everything.
        const pieces = response.status === 200 ? part(response.body, range) : response.body
        return { pieces: pieces as AsyncIterable<Uint8Array>, total: totalOf(response) }
      },
    },
    settings,
  )
}

function request(address: string): { href: string; headers: Record<string, string> } {
  const parsed = new URL(address)
  const { username, password } = parsed
  parsed.username = parsed.password = ''
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return {
    href: parsed.href,
    headers: {
      // Ranges are of what is stored, and not of what is compressed on the way.
      'accept-encoding': 'identity',
      ...(username !== '' && { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
    },
  }
}

function rangeHeaders({ from, to, etag }: RemoteRange): Record<string, string> {
  const last = to === undefined ? '' : String(to - 1)
  return {
    ...((from > 0 || to !== undefined) && { range: `bytes=${String(from)}-${last}` }),
    ...(etag?.startsWith('"') && { 'if-match': etag }),
  }
}

/** What names the version: a strong tag, else the time of the last change. */
function versionOf({ headers }: Response): string | undefined {
  const etag = headers.get('etag')
  return etag?.startsWith('"') ? etag : (headers.get('last-modified') ?? undefined)
}

/** Of what is empty there is no first byte. */
function isEmpty(response: Response): boolean {
  return response.status === 416 && totalOf(response) === 0
}

function totalOf({ status, headers }: Response): number | undefined {
  const [, total] = /\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
  const encoded = headers.get('content-encoding') ?? 'identity'
  const length = encoded === 'identity' ? headers.get('content-length') : null
  const text = status === 206 || status === 416 ? total : length
  return text === undefined || text === null ? undefined : Number(text)
}

/** The error for a request without an answer. What `fetch` throws says so in its cause only. */
function unreached(cause: unknown, url: string): unknown {
  const error = connectionError(cause, { what: 'read', url })
  if (error !== cause || !(cause instanceof TypeError)) return error
  const { message } = (cause.cause ?? cause) as Error
  return new ConnectorError(
    `Expected to read ${url}, got ${message}`,
    { url, retryable: false },
    { cause },
  )
}

function refusal(response: Response, url: string): ConnectorError {
  const { status, statusText, headers } = response
  if (status === 412) return changed(url)
  const advice =
    status === 401 || status === 403
      ? 'check user and password, or whether the signed URL has expired'
      : status === 404 || status === 410
        ? 'nothing is there (any more)'
        : undefined
  const reason = `${String(status)} ${statusText}`.trim()
  return refusedBy(
    { status, reason, advice, retryAfter: headers.get('retry-after') },
    { what: 'read', url },
  )
}

function noSize(url: string): ConnectorError {
  return new ConnectorError(
    `Expected ${url} to say how many bytes it has, got an answer without: download it first`,
    { url, retryable: false },
  )
}
