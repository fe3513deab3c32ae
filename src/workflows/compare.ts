import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OptionError } from '../errors.ts'
import { flowOf } from '../flow/flow.ts'
import { embedded, type FeatureSettings } from './features.ts'
import { gapsOf, gapsText, measureGaps } from './gaps.ts'
import { countsText, itemCounts } from './item-counts.ts'
import { itemsOf } from './items.ts'
import { runWhole } from './run-whole.ts'
import {
  fittedFamiliarity,
  frozenFamiliarity,
  hasText,
  isModels,
  requireAbout,
  scoreReferences,
  writeAbout,
} from './scores.ts'
import type { CompareOptions, WorkflowContext, WorkflowResult } from './workflow.ts'

/**
 * Measures the gap between a set and another, all together and label by label: how familiar the items of the
 * other are to a density that is fitted to the first, or was before.
 */
export async function compare(
  options: CompareOptions,
  context: WorkflowContext,
): Promise<WorkflowResult> {
  const { fit } = options
  if (isModels(fit.path)) return besideModels(fit.path, options, context)
  const models = await mkdtemp(join(tmpdir(), 'millrace-compare-'))
  try {
    await fitTo({ ...options, sources: [fit] }, models, context)
    return await besideModels(models, options, context)
  } finally {
    await rm(models, { recursive: true, force: true })
  }
}

/** Fits familiarity to the sources, and nothing else. */
async function fitTo(
  options: CompareOptions,
  models: string,
  context: WorkflowContext,
): Promise<void> {
  const { rows, model_hash } = await embedded(await itemsOf(options), modelOf(options))
  await runWhole(await fittedFamiliarity(rows, models), options, context)
  await writeAbout(models, { model_hash, by_label: await hasText(rows, 'label') })
}

async function besideModels(
  models: string,
  options: CompareOptions,
  context: WorkflowContext,
): Promise<WorkflowResult> {
  const { rows, model_hash } = await embedded(await itemsOf(options), modelOf(options))
  const about = await requireAbout(models, model_hash)
  const references = await scoreReferences(models, about)
  if (!references)
    throw new OptionError(
      `Expected models that know what is familiar, got \`${models}\`, a report without familiarity; compare with its source`,
    )
  const scored = await frozenFamiliarity(rows, models, about)
  const measured = scored.pipe(measureGaps(references))
  const ran = await runWhole(flowOf(measured), options, context)
  const gaps = gapsOf(ran)
  const counts = itemCounts(ran)
  return {
    summary: { fit: options.fit.path, ...counts, ...gaps, seconds: ran.seconds },
    text: [countsText(counts), ...gapsText(gaps)].join('\n'),
  }
}

function modelOf({ model }: CompareOptions): FeatureSettings {
  return model === undefined ? {} : { model }
}
