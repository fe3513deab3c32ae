import { embedded } from './features.ts'
import { countsText, itemCounts } from './item-counts.ts'
import { itemsOf } from './items.ts'
import { makeFolder } from './output-folder.ts'
import { fitParts } from './report-parts.ts'
import { afterRun, runWhole } from './run-whole.ts'
import { fittedScores, hasText, writeAbout } from './scores.ts'
import { fittedBounds, fittedDrift, hasBounds } from './statistics.ts'
import type { FitOptions, WorkflowContext, WorkflowResult } from './workflow.ts'

/** Fits the models that `score` uses and writes them to a folder. */
export async function fit(options: FitOptions, context: WorkflowContext): Promise<WorkflowResult> {
  const { out, model } = options
  const { outliers, drift } = fitParts(options.parts)
  const items = await itemsOf(options)
  await makeFolder(out)
  const { rows, model_hash } = await embedded(items, model === undefined ? {} : { model })
  const scored = await fittedBounds(await fittedScores(rows, out), out, outliers)
  const ran = await runWhole(await fittedDrift(scored, out, drift), options, context)
  await afterRun(ran, async () =>
    writeAbout(out, {
      ...{ model_hash, by_label: await hasText(rows, 'label') },
      ...{ outliers: await hasBounds(rows, outliers), drift: drift !== false },
    }),
  )
  const counts = itemCounts(ran)
  return {
    summary: { ...counts, models: out, seconds: ran.seconds },
    text: `${countsText(counts)}, models in ${out}`,
  }
}
