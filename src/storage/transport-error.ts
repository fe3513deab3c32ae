import { ConnectorError, FlowError } from '../errors.ts'

/** What was tried, for an error. */
export interface Tried {
  /** What was to be done: `read`, `list`, `write` … */
  readonly what: string
  /** What it was to be done to. */
  readonly url: string
}

/** How an answer with an error status is told. */
export interface Refusal {
  /** Its status. */
  readonly status: number
  /** What the service calls it, with its own words: `503 SlowDown: Please reduce your request rate`. */
  readonly reason: string
  /** What the user can do about it. */
  readonly advice?: string | undefined
  /** The answer's `Retry-After`. */
  readonly retryAfter?: string | null | undefined
}

/** The error for an answer with an error status: passing for 408, 425, 429 and 5xx. */
export function refusedBy(
  { status, reason, advice, retryAfter }: Refusal,
  { what, url }: Tried,
  cause?: unknown,
): ConnectorError {
  const retryable = status >= 500 || [408, 425, 429].includes(status)
  const retryAfterMs = 1000 * Number(retryAfter ?? NaN)
  return new ConnectorError(
    `Expected to ${what} ${url}, got ${reason}${advice === undefined ? '' : `: ${advice}`}`,
    { url, retryable, status, ...(Number.isFinite(retryAfterMs) && { retryAfterMs }) },
    { cause },
  )
}

/** Names and codes of errors below HTTP that the same request may not meet again. */
const passing: ReadonlySet<unknown> = new Set([
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ENETDOWN'],
  ...['ENETUNREACH', 'EHOSTUNREACH', 'ERR_STREAM_PREMATURE_CLOSE', 'TimeoutError'],
  ...[
    'UND_ERR_SOCKET',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
  ],
  ...['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'HPE_INVALID_CONSTANT', 'HPE_INVALID_EOF_STATE'],
])

/** The error for a connection that failed; what is no such failure is given back as it is. */
export function connectionError(cause: unknown, { what, url }: Tried): unknown {
  if (cause instanceof FlowError) return cause
  const found = codesOf(cause)
  if (found.length === 0) return cause
  const [code] = found
  const why = code === 'ENOTFOUND' ? 'no such host' : reasonOf(cause)
  return new ConnectorError(
    `Expected to ${what} ${url}, got ${why} (${String(code)})`,
    { url, retryable: found.some((each) => passing.has(each)) },
    { cause },
  )
}

/** The error for an answer, or its next bytes, that did not come in time. */
export function stalled(timeoutMs: number, { what, url }: Tried): ConnectorError {
  const message = `Expected to ${what} ${url}, got nothing for ${String(timeoutMs / 1000)} s`
  return new ConnectorError(message, { url, retryable: true })
}

/** Codes of an error and of what caused it. */
function codesOf(error: unknown): readonly string[] {
  const codes: string[] = []
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code, name } = each as NodeJS.ErrnoException
    if (typeof code === 'string') codes.push(code)
    else if (passing.has(name)) codes.push(name)
  }
  return codes
}

function reasonOf(error: unknown): string {
  let last = ''
  for (let each = error; each instanceof Error; each = each.cause) last = each.message || last
  return last
}
