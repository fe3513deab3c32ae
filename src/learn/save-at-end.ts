import { resolve } from 'node:path'
import type { ModelState } from '../models/model.ts'
import { saveModel, writeModel } from '../models/save.ts'
import type { Run } from '../run/run-state.ts'

/**
 * Saves a fitted model as the folder `folder`: in a run under a temporary name, until the run publishes
 * all that it has written; else at once.
 */
export async function saveAtEnd(
  folder: string,
  state: ModelState,
  run: Run | undefined,
): Promise<void> {
  if (!run) {
    await saveModel(folder, state)
    return
  }
  const to = resolve(folder)
  const from = `${to}.${run.id}.tmp`
  await writeModel(from, state)
  run.publishFolder({ from, to })
}
