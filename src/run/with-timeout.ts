import { RunTimeoutError } from '../errors.ts'
import type { RunOptions } from './run-options.ts'
import type { RunSummary } from './run-summary.ts'

/**
 * Does `work`, the whole of a run, in at most `timeoutMs`. When that is over a run with checkpoints takes a last
 * one, and other bounded runs are stopped; both then fail. An unbounded run is drained, and does not fail.
 *
 * @throws {RunTimeoutError} if a bounded run took longer
 */
export async function withTimeout(
  options: RunOptions,
  bounded: boolean,
  work: (options: RunOptions) => Promise<RunSummary>,
): Promise<RunSummary> {
  const { timeoutMs, signal, drain, checkpoint } = options
  if (timeoutMs === undefined) return work(options)
  const stopping = new AbortController()
  const draining = new AbortController()
  let late: RunTimeoutError | undefined
  const timer = setTimeout(() => {
    if (signal?.aborted || drain?.aborted) return
    if (bounded) late = tooLate(timeoutMs)
    if (late && !checkpoint) stopping.abort(late)
    else draining.abort()
  }, timeoutMs)
  try {
    const summary = await work({
      ...options,
      signal: AbortSignal.any([stopping.signal, ...(signal ? [signal] : [])]),
      drain: AbortSignal.any([draining.signal, ...(drain ? [drain] : [])]),
    })
    if (late && summary.checkpoint?.complete === false) throw late
    return summary
  } finally {
    clearTimeout(timer)
  }
}

function tooLate(ms: number): RunTimeoutError {
  return new RunTimeoutError(
    `Expected the run to end within ${String(ms / 1_000)} s (its timeout), got more to do`,
  )
}
