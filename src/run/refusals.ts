import { OptionError } from '../errors.ts'
import type { Checkpoint } from './checkpoint-store.ts'
import type { StoredPlanPart } from './manifest.ts'
import { planDifference } from './plan-record.ts'

/** The error for a folder with a run that has not ended, and is not to be gone on with. */
export function unfinished(folder: string, { number }: Checkpoint): OptionError {
  return new OptionError(
    `Expected a new checkpoint folder, got the unfinished run in \`${folder}\` (checkpoint ${String(number)}): go on with it (--resume), or remove the folder to start over`,
  )
}

/** Fails if a run that is gone on with was started with another plan or seed. */
export function refuseChange(
  from: Checkpoint,
  now: { plan: readonly StoredPlanPart[]; seed: number; folder: string },
): void {
  const lines = [...planDifference(from.plan, now.plan)]
  if (from.seed !== now.seed)
    lines.push(`- seed ${String(from.seed)}`, `+ seed ${String(now.seed)}`)
  if (lines.length === 0) return
  throw new OptionError(
    `Expected the pipeline that the run in \`${now.folder}\` was started with, got a changed one:\n${lines.map((line) => `  ${line}`).join('\n')}\nRun it as it was, or remove the folder to start over`,
  )
}
