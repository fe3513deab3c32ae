import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { toParquet } from '../../connectors/to-parquet.ts'
import { fanOut } from '../flow/fan-out.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { localPath } from '../options.ts'
import type { WriteSummary } from '../flow/sink.ts'
import type { Job } from '../run/plan.ts'
import { featureHash, features } from './features.ts'
import { gapsOf, gapsText, measureGaps, type ScoreReferences } from './gaps.ts'
import { countsText, itemCounts } from './item-counts.ts'
import { itemsOf } from './items.ts'
import { madeByText } from './rejects.ts'
import { runWhole } from './run-whole.ts'
import { sinkFor } from './sink-for.ts'
import { frozenScores, requireAbout, scoreReferences } from './scores.ts'
import type { ScoreOptions, WorkflowContext, WorkflowResult } from './workflow.ts'

const columns = [
  ...['id', 'label', 'split', 'familiarity', 'familiarity_percentile'],
  ...['label_familiarity', 'label_familiarity_percentile'],
  ...['near_id', 'near_distance'],
]

/** Scores items by fitted models: how familiar they are, one by one and as a set, and the nearest item of the fitted set. */
export async function score(
  options: ScoreOptions,
  context: WorkflowContext,
): Promise<WorkflowResult> {
  const { models, out, model, rejects, only } = options
  localPath('models', models)
  const items = await itemsOf(options)
  const settings = model === undefined ? {} : { model }
  const pictures = items.kind === 'pictures'
  const about = await requireAbout(models, pictures ? await featureHash(settings) : null)
  const rows = pictures ? await features(items.rows, settings) : items.rows
  const scored = await frozenScores(rows, models, about)
  const there = new Set((await scored.schema())?.fields.map((field) => field.name))
  const written = { columns: columns.filter((name) => there.has(name)) }
  const write = sinkFor(out)(out, written)
  const command = madeByText({ command: 'score', options })
  const rejected = rejects === undefined ? {} : { rejects: toParquet(rejects), command }
  // Of a few rows that are done again there is no gap to tell.
  const references = only ? undefined : await scoreReferences(models, about)
  const job = references ? withGaps(scored, write, references) : flowOf(scored.pipe(write))
  const ran = await runWhole(job, options, context, rejected)
  const gaps = gapsOf(ran)
  const counts = itemCounts(ran)
  return {
    summary: { ...counts, ...gaps, out, seconds: ran.seconds },
    text: [`${countsText(counts)}: ${out}`, ...gapsText(gaps)].join('\n'),
  }
}

/** Writes the scores, and measures the gaps to the fitted set. */
function withGaps(
  scored: Flow<RecordBatch>,
  write: OperatorFunction<RecordBatch, WriteSummary>,
  references: ScoreReferences,
): Job {
  const [rows, measured] = fanOut(2)(scored)
  return { scores: rows.pipe(write), gaps: measured.pipe(measureGaps(references)) }
}
