import type { Job } from '../run/plan.ts'
import { keepResumePoint } from '../run/resume-point.ts'
import { run, type RunOptions, type RunSummary } from '../run/run.ts'
import { wholeRun } from '../run/whole-run.ts'
import type { WorkflowContext, WorkflowOptions } from './workflow.ts'

/**
 * Runs the job of a workflow to its end.
 *
 * @throws {SuspendedError} if it was stopped at a checkpoint
 */
export async function runWhole(
  job: Job,
  { seed, threads, memory, checkpoint, timeoutMs, stallMs, only }: WorkflowOptions,
  { signal, drain, onProgress, note }: WorkflowContext,
  rejected?: Pick<RunOptions, 'rejects' | 'command'>,
): Promise<RunSummary> {
  const ran = await run(job, {
    ...{ seed, signal, onProgress, onNote: note },
    ...(threads !== undefined && { threads }),
    ...(memory !== undefined && { memory }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(stallMs !== undefined && { stallMs }),
    ...(checkpoint && { checkpoint, drain }),
    ...(only && { only, total: only.size }),
    ...rejected,
  })
  return wholeRun(ran)
}

/** Does what follows a run. If it fails, the workflow can be resumed: its run has finished, and this is done again. */
export async function afterRun<T>({ checkpoint }: RunSummary, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (checkpoint) keepResumePoint(error, checkpoint)
    throw error
  }
}
