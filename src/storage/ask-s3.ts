import { limited } from './limited.ts'
import { retrying } from './retry.ts'
import { s3Access, type S3Access, s3Error } from './s3-client.ts'
import type { StorageSettings } from './storage-options.ts'
import type { Tried } from './transport-error.ts'

/** How a request is made. */
export interface Asking extends Tried {
  /** How the service is reached. */
  readonly settings: StorageSettings
  /** Ends the tries. */
  readonly signal: AbortSignal
  /**
   * Bytes that are sent: each MiB may take as long as an answer.
   *
   * @default 0
   */
  readonly bytes?: number
}

/** What a single try is given. */
export interface Ask extends S3Access {
  /** Options of the client's `send`. */
  readonly how: { readonly abortSignal: AbortSignal }
}

/** Makes a request of S3, again until it is answered or the deadline is over; each try has a time limit. */
export async function askS3<T>(
  { settings, signal, what, url, bytes = 0 }: Asking,
  ask: (access: Ask) => Promise<T>,
): Promise<T> {
  const access = await s3Access(settings)
  const { deadlineMs, requestTimeoutMs } = settings
  const timeoutMs = requestTimeoutMs * Math.max(1, Math.ceil(bytes / 2 ** 20))
  return retrying(
    () =>
      limited(
        (abortSignal) =>
          ask({ ...access, how: { abortSignal } }).catch((cause: unknown) => {
            throw s3Error(cause, { what, url })
          }),
        { signal, timeoutMs, what, url },
      ),
    { url, deadlineMs, signal },
  )
}
