import type { CheckpointSummary } from './checkpointer.ts'

const points = new WeakMap<object, CheckpointSummary>()

/** What a run that failed with `error` can be resumed from; undefined if it kept no checkpoints. Number 0 is the beginning. */
export function resumePoint(error: unknown): CheckpointSummary | undefined {
  return typeof error === 'object' && error !== null ? points.get(error) : undefined
}

/** Notes what a run that fails with `error` can be resumed from. */
export function keepResumePoint(error: unknown, point: CheckpointSummary): void {
  if (typeof error === 'object' && error !== null) points.set(error, point)
}
