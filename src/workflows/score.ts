import type { RecordBatch } from 'apache-arrow'
import type { Observable } from 'rxjs'
import { toParquet } from '../../connectors/to-parquet.ts'
import { fanOut } from '../flow/fan-out.ts'
import type { Flow } from '../flow/flow.ts'
import { localPath } from '../options.ts'
import type { WriteSummary } from '../flow/sink.ts'
import type { Job } from '../run/plan.ts'
import { featureHash, features } from './features.ts'
import { gapsOf, gapsText, measureGaps } from './gaps.ts'
import { countsText, itemCounts } from './item-counts.ts'
import { itemsOf } from './items.ts'
import { madeByText } from './rejects.ts'
import { runWhole } from './run-whole.ts'
import { sinkFor } from './sink-for.ts'
import { type DriftTestSettings, scoredParts } from './score-parts.ts'
import { type AboutModels, frozenScores, requireAbout, scoreReferences } from './scores.ts'
import { driftOf, driftText, measureDrift } from './set-drift.ts'
import { frozenBounds, outlierColumnNames } from './statistics.ts'
import type { ScoreOptions, WorkflowContext, WorkflowResult } from './workflow.ts'

const columns = [
  ...['id', 'label', 'split', 'familiarity', 'familiarity_percentile'],
  ...['label_familiarity', 'label_familiarity_percentile'],
  ...['near_id', 'near_distance', ...outlierColumnNames],
]

/**
 * Scores items by fitted models: how familiar they are, one by one and as a set, the nearest item of the fitted set, which
 * statistics are out of its bounds, and whether the items as a whole drift from it.
 */
export async function score(
  options: ScoreOptions,
  context: WorkflowContext,
): Promise<WorkflowResult> {
  const { models, out, model, rejects, only } = options
  localPath('models', models)
  const parts = scoredParts(options.parts)
  const items = await itemsOf(options)
  const settings = model === undefined ? {} : { model }
  const pictures = items.kind === 'pictures'
  const about = await requireAbout(models, pictures ? await featureHash(settings) : null)
  const rows = pictures ? await features(items.rows, settings) : items.rows
  const known = await frozenScores(rows, models, about)
  const scored = parts.outliers && about.outliers ? await frozenBounds(known, models) : known
  const there = new Set((await scored.schema())?.fields.map((field) => field.name))
  const written = { columns: columns.filter((name) => there.has(name)) }
  const write = sinkFor(out)(out, written)
  const command = madeByText({ command: 'score', options })
  const rejected = rejects === undefined ? {} : { rejects: toParquet(rejects), command }
  // Of a few rows that are done again there is nothing to tell as a set.
  const measures = only ? {} : await measuresOf(scored, options, { about, drift: parts.drift })
  const job = jobOf(scored, { scores: (flow) => flow.pipe(write), ...measures })
  const ran = await runWhole(job, options, context, rejected)
  const gaps = gapsOf(ran)
  const drift = driftOf(ran)
  const counts = itemCounts(ran)
  return {
    summary: { ...counts, ...gaps, ...(drift && { drift }), out, seconds: ran.seconds },
    text: [`${countsText(counts)}: ${out}`, ...gapsText(gaps), ...driftText(drift)].join('\n'),
  }
}

/** What becomes of the scored rows. */
type Sink = (rows: Flow<RecordBatch>) => Observable<WriteSummary>

/** What the models can tell of the rows as a set. */
async function measuresOf(
  scored: Flow<RecordBatch>,
  { models }: ScoreOptions,
  { about, drift }: { readonly about: AboutModels; readonly drift: false | DriftTestSettings },
): Promise<Readonly<Record<string, Sink>>> {
  const references = await scoreReferences(models, about)
  return {
    ...(references && { gaps: (flow) => flow.pipe(measureGaps(references)) }),
    ...(drift && about.drift && { drift: await measureDrift(scored, models, drift) }),
  }
}

/** Reads the rows once for all sinks. */
function jobOf(scored: Flow<RecordBatch>, sinks: Readonly<Record<string, Sink>>): Job {
  const all = Object.entries(sinks)
  const branches: readonly Flow<RecordBatch>[] =
    all.length === 1 ? [scored] : fanOut(all.length)(scored)
  const jobs = all.map(([name, sink], i) => [name, sink(branches[i] as Flow<RecordBatch>)] as const)
  return Object.fromEntries(jobs)
}
