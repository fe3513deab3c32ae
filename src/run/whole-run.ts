import { SuspendedError } from '../errors.ts'
import { keepResumePoint } from './resume-point.ts'
import type { RunSummary } from './run-summary.ts'

/**
 * Returns the summary of a run that has come to its end.
 *
 * @throws {SuspendedError} if it was stopped at a checkpoint
 */
export function wholeRun(summary: RunSummary): RunSummary {
  const { checkpoint } = summary
  if (!checkpoint || checkpoint.complete) return summary
  const place =
    checkpoint.number > 0
      ? `checkpoint ${String(checkpoint.number)} is in place`
      : 'before the first checkpoint'
  const error = new SuspendedError(`${place}, nothing is published yet`)
  keepResumePoint(error, checkpoint)
  throw error
}
