import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectorError } from '../errors.ts'

/** How a request is tried again. */
export interface RetryOptions {
  /** What is asked for, for the error. */
  readonly url: string
  /** How long it is tried again, from the first try on. */
  readonly deadlineMs: number
  /** Ends the tries and the waiting between them. */
  readonly signal: AbortSignal
}

/** The first wait is at most this long; each next one may be twice as long. */
const firstDelayMs = 100
const longestDelayMs = 20_000

/**
 * Does `work` until it succeeds, fails for good (anything but a {@link ConnectorError} that is `retryable`), or
 * the deadline is over. Between two tries it waits for a random time up to a bound that doubles ("full jitter"),
 * at least as long as the error asks for (`retryAfterMs`).
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export async function retrying<T>(
  work: () => Promise<T>,
  { url, deadlineMs, signal }: RetryOptions,
): Promise<T> {
  const started = performance.now()
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ConnectorError) || !error.retryable) throw error
      const bound = Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1))
      const delay = Math.max(error.retryAfterMs ?? 0, Math.random() * bound)
      const spent = performance.now() - started
      if (spent + delay > deadlineMs) throw givenUp(error, { url, attempt, spent })
      await sleep(delay, undefined, { signal })
    }
  }
}

function givenUp(
  error: ConnectorError,
  { url, attempt, spent }: { url: string; attempt: number; spent: number },
): ConnectorError {
  const tries = `${String(attempt)} ${attempt === 1 ? 'try' : 'tries'} in ${(spent / 1000).toFixed(1)} s`
  return new ConnectorError(
    `${error.message} (${tries}); run it again, or resume, when the service answers`,
    { url, retryable: true, ...(error.status !== undefined && { status: error.status }) },
    { cause: error },
  )
}
