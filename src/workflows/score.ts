import { toJsonl } from '../../connectors/to-jsonl.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import { flowOf } from '../flow/flow.ts'
import { localPath } from '../options.ts'
import { featureHash, features } from './features.ts'
import { countsText, itemCounts } from './item-counts.ts'
import { itemsOf } from './items.ts'
import { madeByText } from './rejects.ts'
import { runWhole } from './run-whole.ts'
import { frozenScores, requireAbout } from './scores.ts'
import type { ScoreOptions, WorkflowContext, WorkflowResult } from './workflow.ts'

const columns = [
  ...['id', 'label', 'split', 'familiarity', 'familiarity_percentile'],
  ...['near_id', 'near_distance'],
]

/** Scores items by fitted models: how familiar they are, and the nearest item of the fitted set. */
export async function score(
  options: ScoreOptions,
  context: WorkflowContext,
): Promise<WorkflowResult> {
  const { models, out, model, rejects } = options
  localPath('models', models)
  const items = itemsOf(options)
  const settings = model === undefined ? {} : { model }
  const pictures = items.kind === 'pictures'
  await requireAbout(models, pictures ? await featureHash(settings) : null)
  const rows = pictures ? await features(items.rows, settings) : items.rows
  const scored = frozenScores(rows, models)
  const there = new Set((await scored.schema())?.fields.map((field) => field.name))
  const written = { columns: columns.filter((name) => there.has(name)) }
  const write = /\.jsonl$|^-$/.test(out) ? toJsonl(out, written) : toParquet(out, written)
  const command = madeByText({ command: 'score', options })
  const rejected = rejects === undefined ? {} : { rejects: toParquet(rejects), command }
  const ran = await runWhole(flowOf(scored.pipe(write)), options, context, rejected)
  const counts = itemCounts(ran)
  return {
    summary: { ...counts, out, seconds: ran.seconds },
    text: `${countsText(counts)}: ${out}`,
  }
}
