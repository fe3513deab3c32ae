import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { toParquet } from '../../connectors/to-parquet.ts'
import { clusters } from '../../operators/clusters.ts'
import { duplicateGroups } from '../../operators/duplicate-groups.ts'
import { duplicates, type DuplicatesOptions } from '../../operators/duplicates.ts'
import { labelErrors } from '../../operators/label-errors.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import type { RunSummary } from '../run/run.ts'
import { embedded, featureColumns, statisticColumns } from './features.ts'
import type { Items } from './items.ts'
import { madeByText } from './rejects.ts'
import type { CheckedParts } from './report-parts.ts'
import { runWhole } from './run-whole.ts'
import {
  type AboutModels,
  componentsOf,
  coordinates,
  fittedScores,
  fittedSplits,
  hasText,
} from './scores.ts'
import { fittedBounds, fittedDrift, hasBounds, outlierColumnNames } from './statistics.ts'
import type { ReportOptions, WorkflowContext } from './workflow.ts'

/** Columns of `items.parquet`. */
const itemColumns = [
  ...['id', 'label', 'split', 'width', 'height', 'channels', 'bytes'],
  ...['exact_group', 'near_group', 'near_id', 'near_distance'],
  ...['familiarity', 'familiarity_percentile'],
  ...['label_familiarity', 'label_familiarity_percentile'],
  ...statisticColumns,
  ...outlierColumnNames,
  ...['suggested_label', 'label_error', 'label_confidence'],
  ...['cluster', 'cluster_probability', 'cluster_outlier', 'x', 'y'],
]

/** The files of a report. */
export type ReportFiles = ReturnType<typeof filesIn>

/** The files of a report in the folder `out`. */
export function filesIn(out: string) {
  return {
    items: join(out, 'items.parquet'),
    embeddings: join(out, 'embeddings.parquet'),
    groups: join(out, 'groups.parquet'),
    rejects: join(out, 'rejects.parquet'),
    summary: join(out, 'summary.json'),
    page: join(out, 'index.html'),
    models: join(out, 'models'),
  }
}

/** What went into the tables. */
export interface Tables {
  /** What the run did. */
  readonly ran: RunSummary
  /** What the models are for. */
  readonly about: AboutModels
  /** Principal components. */
  readonly components: number
  /** Whether the gaps between splits were measured. */
  readonly by_split: boolean
}

/** Runs everything up to the tables and models; returns what the run did. */
export async function writeTables(
  items: Items,
  options: ReportOptions,
  parts: CheckedParts,
  context: WorkflowContext,
): Promise<Tables> {
  const { model } = options
  const files = filesIn(options.out)
  const settings = { known: files.embeddings, ...(model !== undefined && { model }) }
  const { rows, model_hash } = await embedded(items, settings)
  let scored = await fittedScores(rows, files.models, parts)
  if (parts.familiarity) scored = await fittedSplits(scored, files.models)
  if (parts.duplicates) scored = flowOf(scored.pipe(await duplicatesIn(rows, parts.duplicates)))
  scored = await fittedBounds(scored, files.models, parts.outliers)
  if (parts.labelErrors && (await hasText(rows, 'label')))
    scored = flowOf(scored.pipe(labelErrors(parts.labelErrors)))
  if (parts.clusters) scored = flowOf(scored.pipe(clusters({ ...parts.clusters, column: 'pca' })))
  if (parts.map) scored = flowOf(scored.pipe(coordinates()))
  const there = new Set((await scored.schema())?.fields.map(({ name }) => name))
  function present(names: readonly string[]): string[] {
    return names.filter((name) => there.has(name))
  }
  // In one of the branches, each of which reads the table of the rows by itself.
  const learnt = await fittedDrift(scored, files.models, parts.drift)
  const job = {
    items: scored.pipe(toParquet(files.items, { columns: present(itemColumns) })),
    embeddings: learnt.pipe(toParquet(files.embeddings, { columns: present(featureColumns) })),
    ...(parts.duplicates && { groups: scored.pipe(duplicateGroups(), toParquet(files.groups)) }),
  }
  const ran = await runWhole(job, options, context, {
    rejects: toParquet(files.rejects),
    // A replay has the text alone: of settings that are code it would make another report.
    ...(!hasCode(options.parts) && { command: madeByText({ command: 'report', options }) }),
  })
  const about = {
    ...{ model_hash, neighbors: parts.neighbors, familiarity: parts.familiarity !== false },
    by_label: parts.familiarity !== false && (await hasText(rows, 'label')),
    ...{ outliers: await hasBounds(rows, parts.outliers), drift: parts.drift !== false },
  }
  return {
    ...{ ran, about, components: await componentsOf(rows) },
    by_split: parts.familiarity !== false && (await hasText(rows, 'split')),
  }
}

function hasCode(settings: unknown): boolean {
  if (typeof settings !== 'object' || settings === null) return typeof settings === 'function'
  return Object.values(settings).some(hasCode)
}

/** Duplicates by what the rows have: embeddings that came as they are may lack the hashes. */
async function duplicatesIn(rows: Flow<RecordBatch>, settings: DuplicatesOptions) {
  const there = new Set((await rows.schema())?.fields.map(({ name }) => name))
  return duplicates({
    ...settings,
    ...(!there.has('phash') && { phash: false }),
    ...(!there.has('content_hash') && { contentHash: false }),
  })
}
