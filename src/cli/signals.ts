import { SuspendedError } from '../errors.ts'
import { keepResumePoint, resumePoint } from '../run/resume-point.ts'
import { note } from './output.ts'
import { InterruptedError } from './usage-error.ts'

/** What SIGINT and SIGTERM do to the work of a command. */
export interface Signals {
  /** Aborts when the work is to stop and publish nothing. */
  readonly signal: AbortSignal
  /** Aborts when the work is to take a last checkpoint; without checkpoints, when its sources are to end and the rest to complete. */
  readonly drain: AbortSignal
}

/** What the work of a command is like. */
export interface Interruptible {
  /** Whether it ends by itself. */
  readonly bounded: boolean
  /** Whether it keeps checkpoints. */
  readonly checkpoints: boolean
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const
type SignalName = keyof typeof exitCodes

/**
 * Does `work` under SIGINT and SIGTERM. The first has work with checkpoints take a last one, stops
 * other bounded work, which then publishes nothing, and drains other unbounded work; the second ends
 * the process at once, by that signal.
 *
 * @throws {InterruptedError} if bounded work was stopped, or unbounded work by SIGINT
 */
export async function underSignals<T>(
  { bounded, checkpoints }: Interruptible,
  work: (signals: Signals) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const drain = new AbortController()
  const stops = bounded && !checkpoints
  const doing = checkpoints ? 'taking a last checkpoint' : stops ? 'stopping' : 'draining'
  const state: { received?: SignalName } = {}

  function receive(name: SignalName): void {
    if (state.received) {
      stopListening()
      process.kill(process.pid, name)
      return
    }
    state.received = name
    note(`${name}: ${doing}; again to end at once`)
    if (stops) stop.abort()
    else drain.abort()
  }
  function stopListening(): void {
    process.off('SIGINT', receive)
    process.off('SIGTERM', receive)
  }

  process.on('SIGINT', receive)
  process.on('SIGTERM', receive)
  try {
    const result = await work({ signal: stop.signal, drain: drain.signal })
    if (!bounded && state.received === 'SIGINT')
      throw new InterruptedError('drained', exitCodes.SIGINT)
    return result
  } catch (cause) {
    throw state.received ? interrupted(cause, state.received, stop.signal) : cause
  } finally {
    stopListening()
  }
}

/** What `cause`, thrown after the signal `name`, means: that the work was stopped by it, or something else. */
function interrupted(cause: unknown, name: SignalName, stop: AbortSignal): unknown {
  const point = resumePoint(cause)
  const stopped = stop.aborted && cause === stop.reason
  if (!stopped && !(cause instanceof SuspendedError && point)) return cause
  const message = point ? (cause as Error).message : 'nothing was published'
  const error = new InterruptedError(`stopped by ${name}: ${message}`, exitCodes[name], { cause })
  if (point) keepResumePoint(error, point)
  return error
}
