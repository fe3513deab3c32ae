import { note } from './output.ts'
import { InterruptedError } from './usage-error.ts'

/** What SIGINT and SIGTERM do to the work of a command. */
export interface Signals {
  /** Aborts when the work is to stop and publish nothing. */
  readonly signal: AbortSignal
  /** Aborts when the sources of unbounded work are to end, and the rest to complete. */
  readonly drain: AbortSignal
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const
type SignalName = keyof typeof exitCodes

/**
 * Does `work` under SIGINT and SIGTERM. The first stops bounded work, which then publishes
 * nothing, and drains unbounded work; the second ends the process at once, by that signal.
 *
 * @throws {InterruptedError} if bounded work was stopped, or unbounded work drained by SIGINT
 */
export async function underSignals<T>(
  { bounded }: { bounded: boolean },
  work: (signals: Signals) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const drain = new AbortController()
  const state: { received?: SignalName } = {}

  function receive(name: SignalName): void {
    if (state.received) {
      stopListening()
      process.kill(process.pid, name)
      return
    }
    state.received = name
    note(
      bounded
        ? `${name}: stopping; again to end at once`
        : `${name}: draining; again to end at once`,
    )
    if (bounded) stop.abort()
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
    if (!bounded || !state.received || cause !== stop.signal.reason) throw cause
    const message = `stopped by ${state.received}: nothing was published`
    throw new InterruptedError(message, exitCodes[state.received], { cause })
  } finally {
    stopListening()
  }
}
