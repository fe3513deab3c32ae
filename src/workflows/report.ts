import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import { duplicateGroups } from '../../operators/duplicate-groups.ts'
import { duplicates } from '../../operators/duplicates.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import type { GroupGap } from '../models/familiarity.ts'
import type { PageSummary } from '../report/page-data.ts'
import { reportPage } from '../report/report-page.ts'
import type { RunSummary } from '../run/run.ts'
import { featureColumns, featureHash, features } from './features.ts'
import { gapText } from './gaps.ts'
import { GroupCounter, type GroupCounts } from './group-counter.ts'
import { counted, countsText, decodedCount, itemCounts } from './item-counts.ts'
import { itemsOf } from './items.ts'
import { LabelCounter } from './label-counter.ts'
import { makeFolder, putText } from './output-folder.ts'
import { madeByText } from './rejects.ts'
import { afterRun, runWhole } from './run-whole.ts'
import {
  componentsOf,
  coordinates,
  fittedScores,
  fittedSplits,
  hasText,
  splitGaps,
  writeAbout,
} from './scores.ts'
import { versions } from './versions.ts'
import type { FolderOptions, WorkflowContext, WorkflowResult } from './workflow.ts'

/** Columns of `items.parquet`. */
const itemColumns = [
  ...['id', 'label', 'split', 'width', 'height', 'channels', 'bytes'],
  ...['exact_group', 'near_group', 'near_id', 'near_distance'],
  ...['familiarity', 'familiarity_percentile'],
  ...['label_familiarity', 'label_familiarity_percentile', 'x', 'y'],
]

/** The files of a report. */
function filesIn(out: string) {
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

/**
 * Reports on a dataset: what is duplicated, across which splits; what is familiar and what is rare; what is
 * broken. Writes tables, models and a page to a folder; what an earlier report there computed is used again.
 */
export async function report(
  options: FolderOptions,
  context: WorkflowContext,
): Promise<WorkflowResult> {
  const started = { date: new Date(), at: performance.now() }
  const files = filesIn(options.out)
  await makeFolder(options.out)
  const tables = await writeTables(options, context)
  return afterRun(tables.ran, async () => {
    const { model_hash, by_label } = tables
    await writeAbout(files.models, { model_hash, by_label })
    const done =
      (await earlierSummary(files, tables.ran)) ?? (await writePage(options, tables, started))
    return { summary: done, text: textOf(done, files.page) }
  })
}

type Summary = PageSummary &
  GroupCounts &
  Record<string, unknown> & { readonly splitGaps: readonly GroupGap[] }

/** Writes the page and the summary; returns the summary. */
async function writePage(
  options: FolderOptions,
  { ran, model_hash, components, by_split }: Tables,
  started: { readonly date: Date; readonly at: number },
): Promise<Summary> {
  const files = filesIn(options.out)
  const tablesSeconds = seconds(started.at)
  const pageStarted = performance.now()
  const summary: Summary = {
    sources: options.sources.map(({ path, split }) => (split ? `${split}=${path}` : path)),
    ...itemCounts(ran),
    ...(await countedIn(files)),
    splitGaps: by_split ? await splitGaps(files.models) : [],
    decoded: decodedCount(ran),
    startedAt: started.date.toISOString(),
    timings: { tables: tablesSeconds, total: tablesSeconds },
    versions: versions(),
    parameters: {
      model: model_hash === null ? 'none' : (options.model ?? 'bundled MobileNetV2 1.4'),
      model_hash,
      labels: options.labels ?? 'from folders',
      seed: options.seed,
      ...(options.limit !== undefined && { limit: options.limit }),
      pcaComponents: components,
    },
    ...(ran.checkpoint && { checkpoint: ran.checkpoint }),
  }
  const page = await reportPage(
    {
      groups: fromParquet(files.groups, { idColumn: 'id' }),
      items: fromParquet(files.items),
      rejects: fromParquet(files.rejects),
      thumbnails: () => thumbnails(files.embeddings),
      summary,
    },
    { seed: options.seed },
  )
  await putText(files.page, page)
  const timings = { tables: tablesSeconds, page: seconds(pageStarted), total: seconds(started.at) }
  const done = { ...summary, timings }
  // The last file: if it is of this run, the page is too.
  await putText(files.summary, `${JSON.stringify(done, undefined, 2)}\n`)
  return done
}

/** The summary that this run, resumed after its end, has written already; undefined if it, or the page, is missing. */
async function earlierSummary(
  { summary, page }: ReturnType<typeof filesIn>,
  { checkpoint }: RunSummary,
): Promise<Summary | undefined> {
  if (!checkpoint || !existsSync(summary) || !existsSync(page)) return undefined
  const there = parsed(await readFile(summary, 'utf8'))
  return there?.checkpoint?.run === checkpoint.run ? there : undefined
}

/** An earlier version may have been stopped while it wrote. */
function parsed(text: string): (Summary & Partial<RunSummary>) | undefined {
  try {
    return JSON.parse(text) as Summary & Partial<RunSummary>
  } catch {
    return undefined
  }
}

/** What went into the tables. */
interface Tables {
  readonly ran: RunSummary
  readonly model_hash: string | null
  readonly components: number
  readonly by_label: boolean
  readonly by_split: boolean
}

/** Runs everything up to the tables and models; returns what the run did. */
async function writeTables(options: FolderOptions, context: WorkflowContext): Promise<Tables> {
  const { model } = options
  const files = filesIn(options.out)
  const items = itemsOf(options)
  const pictures = items.kind === 'pictures'
  const settings = { known: files.embeddings, ...(model !== undefined && { model }) }
  const rows = pictures ? await features(items.rows, settings) : items.rows
  const scored = flowOf(
    (await fittedSplits(await fittedScores(rows, files.models), files.models)).pipe(
      await duplicatesIn(rows),
      coordinates(),
    ),
  )
  const there = new Set((await scored.schema())?.fields.map(({ name }) => name))
  function present(names: readonly string[]): string[] {
    return names.filter((name) => there.has(name))
  }
  const job = {
    items: scored.pipe(toParquet(files.items, { columns: present(itemColumns) })),
    embeddings: scored.pipe(toParquet(files.embeddings, { columns: present(featureColumns) })),
    groups: scored.pipe(duplicateGroups(), toParquet(files.groups)),
  }
  const command = madeByText({ command: 'report', options })
  const ran = await runWhole(job, options, context, { rejects: toParquet(files.rejects), command })
  const model_hash = pictures ? await featureHash(settings) : null
  return {
    ...{ ran, model_hash, components: await componentsOf(rows) },
    by_label: await hasText(rows, 'label'),
    by_split: await hasText(rows, 'split'),
  }
}

/** Duplicates by what the rows have: embeddings that came as they are may lack the hashes. */
async function duplicatesIn(rows: Flow<RecordBatch>) {
  const there = new Set((await rows.schema())?.fields.map(({ name }) => name))
  return duplicates({
    ...(!there.has('phash') && { phash: false }),
    ...(!there.has('content_hash') && { contentHash: false }),
  })
}

/** What the tables say of groups and labels. */
async function countedIn(files: ReturnType<typeof filesIn>) {
  const groups = new GroupCounter()
  for await (const batch of fromParquet(files.groups, {
    columns: ['group', 'kind', 'split', 'by'],
  }))
    groups.add(batch)
  const labels = new LabelCounter()
  for await (const batch of fromParquet(files.items)) labels.add(batch)
  return { ...groups.counts(), ...labels.counts() }
}

async function* thumbnails(path: string): AsyncGenerator<RecordBatch> {
  const rows = fromParquet(path)
  const there = (await rows.schema())?.fields.some(({ name }) => name === 'thumbnail')
  if (there) yield* fromParquet(path, { columns: ['id', 'thumbnail'] })
}

function textOf(summary: Summary, page: string): string {
  const { exactGroups, nearGroups, lookAlikeGroups, leaks, splitGaps } = summary
  const total = summary.timings['total'] ?? 0
  return [
    `${countsText(summary)} in ${total.toFixed(1)} s`,
    `${counted(exactGroups, 'group')} of exact copies, ${String(leaks.exact)} across splits`,
    `${counted(nearGroups, 'group')} of near duplicates (${String(lookAlikeGroups)} of more than exact copies), ${String(leaks.near)} across splits`,
    ...splitGaps.map((gap) => gapText(`familiarity of ${gap.other} beside ${gap.fit}`, gap)),
    `report: ${page}`,
  ].join('\n')
}

function seconds(since: number): number {
  return Math.round(performance.now() - since) / 1_000
}
