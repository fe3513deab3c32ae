import { replaceFolder } from '../output/replace-folder.ts'
import type { Saved } from '../flow/saved.ts'
import { requireModelPlace } from '../models/model-place.ts'
import { writing } from '../output/output-file.ts'
import type { Checkpointer } from './checkpointer.ts'
import type { RejectLog } from './reject-log.ts'
import type { Run } from './run-state.ts'
import { failPoint } from './fail-point.ts'

/**
 * Makes visible what a run has written, all of it; with checkpoints so that a crash in between is made
 * up for. Without, what is renamed before the system refuses one stays, and the rest is for {@link discard}.
 */
export async function publish(
  run: Run,
  rejects: RejectLog,
  { summary, checkpointer }: { summary: unknown; checkpointer: Checkpointer | undefined },
): Promise<void> {
  run.writing = 'its outputs'
  // Again, since others may have put something there meanwhile.
  for (const { to } of run.folders.values()) await requireModelPlace(to)
  const states = new Map<string, Saved>()
  if (checkpointer) await rejects.saveAll(states)
  await checkpointer?.finish('complete', summary, states)
  failPoint('publish: before the first')
  for (const { from, to } of run.folders.values())
    await writing(to, () => replaceFolder(from, to, run.disk))
  for (let next; (next = run.publications[0]); run.publications.shift()) await next.publish()
  failPoint('publish: after the last')
  await checkpointer?.finish('published', summary)
}

/** Removes what a run that has not ended well has written and not published, unless a checkpoint may need it. */
export async function discard(run: Run): Promise<void> {
  for (const { abort } of run.publications.splice(0)) await abort(run.durable)
  if (run.durable) return
  for (const { from } of run.folders.values()) await run.disk.rm(from)
}
