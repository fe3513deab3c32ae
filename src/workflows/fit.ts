import { embedded } from './features.ts'
import { countsText, itemCounts } from './item-counts.ts'
import { itemsOf } from './items.ts'
import { makeFolder } from './output-folder.ts'
import { afterRun, runWhole } from './run-whole.ts'
import { fittedScores, hasText, writeAbout } from './scores.ts'
import type { FolderOptions, WorkflowContext, WorkflowResult } from './workflow.ts'

/** Fits the models that `score` uses and writes them to a folder. */
export async function fit(
  options: FolderOptions,
  context: WorkflowContext,
): Promise<WorkflowResult> {
  const { out, model } = options
  const items = await itemsOf(options)
  await makeFolder(out)
  const { rows, model_hash } = await embedded(items, model === undefined ? {} : { model })
  const ran = await runWhole(await fittedScores(rows, out), options, context)
  await afterRun(ran, async () =>
    writeAbout(out, { model_hash, by_label: await hasText(rows, 'label') }),
  )
  const counts = itemCounts(ran)
  return {
    summary: { ...counts, models: out, seconds: ran.seconds },
    text: `${countsText(counts)}, models in ${out}`,
  }
}
