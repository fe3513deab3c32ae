import type { RecordBatch } from 'apache-arrow'
import { toParquet } from '../../connectors/to-parquet.ts'
import { decode } from '../../operators/decode.ts'
import { drop } from '../../operators/drop.ts'
import { imageStats } from '../../operators/image-stats.ts'
import { labelStats } from '../../operators/label-stats.ts'
import { outliers } from '../../operators/outliers.ts'
import { summarize } from '../../operators/summarize.ts'
import { OptionError } from '../errors.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { metrics } from '../statistics/metrics.ts'
import { countsText, itemCounts } from './item-counts.ts'
import { itemsOf } from './items.ts'
import { keepRows, keptRows } from './kept-rows.ts'
import { outlierSettings } from './report-parts.ts'
import { runWhole } from './run-whole.ts'
import { hasText } from './scores.ts'
import { sinkFor } from './sink-for.ts'
import { type StatsTables, statsText } from './stats-text.ts'
import { withText } from './with-text.ts'
import type { StatsOptions, WorkflowContext, WorkflowResult } from './workflow.ts'

/** Statistics of pictures: how each metric is spread, and what is out of bounds, by metric and by label. */
export async function stats(
  options: StatsOptions,
  context: WorkflowContext,
): Promise<WorkflowResult> {
  const { out, rejects, channels = false } = options
  const measured = await measuredPictures(options)
  const labelled = await hasText(measured, 'label')
  const counted = labelled ? measured : measured.pipe(withText('label', ''))
  const job = {
    metrics: measured.pipe(
      summarize({ columns: await summarized(measured, channels) }),
      keepRows('metrics'),
    ),
    labels: counted.pipe(labelStats({ label: 'label' }), keepRows('labels')),
    ...(out !== undefined && {
      items: measured.pipe(drop({ columns: ['histogram', 'percentiles'] }), sinkFor(out)(out)),
    }),
  }
  const rejected = rejects === undefined ? {} : { rejects: toParquet(rejects) }
  const ran = await runWhole(job, options, context, rejected)
  const counts = itemCounts(ran, 'imageStats')
  const tables: StatsTables = {
    metrics: keptRows(ran, 'metrics'),
    labels: keptRows(ran, 'labels'),
  }
  const text = [countsText(counts), ...statsText(tables, labelled)]
  return {
    summary: {
      ...{ ...counts, metrics: tables.metrics, ...(labelled && { labels: tables.labels }) },
      ...(out !== undefined && { out }),
      seconds: ran.seconds,
    },
    text: [...text, ...(out === undefined ? [] : [`\npicture by picture: ${out}`])].join('\n'),
  }
}

async function measuredPictures(options: StatsOptions): Promise<Flow<RecordBatch>> {
  const { kind, rows } = await itemsOf(options)
  if (kind !== 'pictures')
    throw new OptionError(
      'Expected pictures, got rows of embeddings; `summarize()` in a pipeline tells of any columns of numbers',
    )
  const perChannel = options.channels ?? false
  const settings = outlierSettings(options.outliers ?? {})
  return flowOf(
    rows.pipe(
      decode({ onError: 'reject' }),
      imageStats({ stored: 'image', perChannel, onError: 'reject' }),
      outliers(settings),
    ),
  )
}

/** The columns of metrics that the pictures have, and those of their channels if asked for. */
async function summarized(rows: Flow<RecordBatch>, channels: boolean): Promise<string[]> {
  const there = new Set((await rows.schema())?.fields.map(({ name }) => name))
  return metrics
    .flatMap(({ name }) => (channels ? [name, `channel_${name}`] : [name]))
    .filter((name) => there.has(name))
}
