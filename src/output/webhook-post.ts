import { createHmac } from 'node:crypto'
import { retrying } from '../storage/retry.ts'
import { connectionError, refusedBy, stalled, type Tried } from '../storage/transport-error.ts'

/** Where batches are posted, and how. */
export interface WebhookTarget {
  /** The address. */
  readonly url: string
  /** The address as it is shown: without the query, which may be a secret. */
  readonly shown: string
  /** Headers of the user. */
  readonly headers: Readonly<Record<string, string>>
  /** What bodies are signed with; undefined for no signature. */
  readonly secret: string | undefined
  /** How long an answer may take. */
  readonly requestTimeoutMs: number
  /** How long a batch is tried again. */
  readonly deadlineMs: number
}

/** Bytes of an answer that an error tells. */
const toldBytes = 200

/**
 * Posts `body`, again and again while the service is in trouble (408, 425, 429, 5xx, no connection) and the deadline allows.
 *
 * @throws {ConnectorError} if it is refused, or the deadline is over
 */
export async function postBatch(
  target: WebhookTarget,
  { id, body }: { readonly id: string; readonly body: Buffer },
  signal: AbortSignal,
): Promise<void> {
  const { shown, deadlineMs } = target
  await retrying(() => post(target, { id, body }, signal), { url: shown, deadlineMs, signal })
}

async function post(
  target: WebhookTarget,
  request: { readonly id: string; readonly body: Buffer },
  signal: AbortSignal,
): Promise<void> {
  const { shown, requestTimeoutMs } = target
  const tried: Tried = { what: 'post to', url: shown }
  const timeout = AbortSignal.timeout(requestTimeoutMs)
  const answered = await answerTo(target, request, AbortSignal.any([signal, timeout])).catch(
    (cause: unknown) => {
      signal.throwIfAborted()
      throw timeout.aborted ? stalled(requestTimeoutMs, tried) : connectionError(cause, tried)
    },
  )
  if (!answered.response.ok) throw refusal(answered, tried)
}

interface Answered {
  readonly response: Response
  /** What the answer begins with. */
  readonly text: string
}

async function answerTo(
  { url, headers, secret }: WebhookTarget,
  { id, body }: { readonly id: string; readonly body: Buffer },
  signal: AbortSignal,
): Promise<Answered> {
  const response = await fetch(url, {
    method: 'POST',
    body: new Uint8Array(body),
    // Rows that are signed for one address are not handed on to another.
    redirect: 'manual',
    signal,
    headers: {
      'content-type': 'application/json',
      ...headers,
      'idempotency-key': id,
      ...(secret !== undefined && { 'millrace-signature': signature(secret, body) }),
    },
  })
  return { response, text: await firstBytes(response) }
}

/** `t=<seconds>,v1=<hex>`: HMAC-SHA256 of the seconds, a dot and the body, as Stripe signs. */
function signature(secret: string, body: Buffer): string {
  const seconds = String(Math.floor(Date.now() / 1000))
  const mac = createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex')
  return `t=${seconds},v1=${mac}`
}

/** An answer that is read to its end leaves the connection for the next request. */
async function firstBytes({ body }: Response): Promise<string> {
  if (!body) return ''
  let text = Buffer.alloc(0)
  for await (const piece of body as unknown as AsyncIterable<Uint8Array>) {
    text = Buffer.concat([text, piece])
    if (text.length > 16 * toldBytes) break
  }
  return text.subarray(0, toldBytes).toString('utf8').replaceAll(/\s+/g, ' ').trim()
}

function refusal({ response, text }: Answered, tried: Tried): Error {
  const { status, statusText, headers } = response
  const reason = [status, statusText].join(' ').trim()
  const told = text === '' ? reason : `${reason}: ${text}`
  return refusedBy({ status, reason: told, retryAfter: secondsOf(headers) }, tried)
}

/** `Retry-After` may be a date. */
function secondsOf(headers: Headers): string | null {
  const value = headers.get('retry-after')
  if (value === null || /^\d+$/.test(value)) return value
  const seconds = (Date.parse(value) - Date.now()) / 1000
  return Number.isNaN(seconds) ? null : String(Math.max(0, seconds))
}
