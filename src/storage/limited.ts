import { ChildSignal } from '../flow/child-signal.ts'
import { stalled, type Tried } from './transport-error.ts'

/** How long something may take. */
export interface Limit extends Tried {
  /** Ends it from outside. */
  readonly signal: AbortSignal
  /** The time limit. */
  readonly timeoutMs: number
}

/** Does `work`, whose signal aborts when it is done, or takes longer than the limit and is given up. */
export function limited<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { signal, timeoutMs, ...tried }: Limit,
): Promise<T> {
  signal.throwIfAborted()
  const child = new ChildSignal(signal)
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(stalled(timeoutMs, tried))
      child.abort()
    }, timeoutMs)
    function aborted(): void {
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', aborted)
    work(child.signal)
      .then(resolve, reject)
      .finally(() => {
        clearTimeout(timer)
        child.abort()
        signal.removeEventListener('abort', aborted)
      })
  })
}
