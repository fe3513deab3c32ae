import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom } from 'rxjs'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toCsv } from '../../connectors/to-csv.ts'
import type { GroupGap } from '../models/familiarity.ts'
import { type PagePart, pageParts, type PageSummary } from '../report/page-data.ts'
import { reportPage } from '../report/report-page.ts'
import type { RunSummary } from '../run/run.ts'
import { gapText } from './gaps.ts'
import { GroupCounter, type GroupCounts } from './group-counter.ts'
import { counted, countsText, decodedCount, itemCounts } from './item-counts.ts'
import { itemsOf } from './items.ts'
import { LabelCounter, type LabelCounts } from './label-counter.ts'
import { makeFolder, putText } from './output-folder.ts'
import { type CheckedParts, reportParts } from './report-parts.ts'
import { filesIn, type ReportFiles, type Tables, writeTables } from './report-tables.ts'
import { afterRun } from './run-whole.ts'
import { splitGaps, writeAbout } from './scores.ts'
import { versions } from './versions.ts'
import type { ReportOptions, WorkflowContext, WorkflowResult } from './workflow.ts'

/**
 * Reports on a dataset: what is duplicated, across which splits; what is familiar and what is rare; what is
 * broken. Writes tables, models and a page to a folder; what an earlier report there computed is used again.
 */
export async function report(
  options: ReportOptions,
  context: WorkflowContext,
): Promise<WorkflowResult> {
  const started = { date: new Date(), at: performance.now() }
  const parts = reportParts(options.parts)
  const files = filesIn(options.out)
  // Looks at the sources first: what is refused leaves no folder behind.
  const items = await itemsOf(options)
  await makeFolder(options.out)
  const tables = await writeTables(items, options, parts, context)
  return afterRun(tables.ran, async () => {
    await writeAbout(files.models, tables.about)
    const done =
      (await earlierSummary(files, parts, tables.ran)) ??
      (await writePage(options, parts, tables, started))
    return { summary: done, text: textOf(done, parts, files) }
  })
}

type Summary = Omit<PageSummary, 'splitGaps'> &
  Partial<GroupCounts> &
  Record<string, unknown> & { readonly splitGaps: readonly GroupGap[] }

/** Writes the page, the CSV files and the summary; returns the summary. */
async function writePage(
  options: ReportOptions,
  parts: CheckedParts,
  { ran, about: { model_hash }, components, by_split }: Tables,
  started: { readonly date: Date; readonly at: number },
): Promise<Summary> {
  const files = filesIn(options.out)
  const tablesSeconds = seconds(started.at)
  const pageStarted = performance.now()
  const counts = itemCounts(ran)
  const summary: Summary = {
    sources: options.sources.map(({ path, split }) => (split ? `${split}=${path}` : path)),
    ...counts,
    ...(parts.duplicates && (await groupsIn(files.groups))),
    ...(await labelsIn(files.items)),
    leftOut: leftOut(parts),
    splitGaps: by_split && counts.items > 0 ? await splitGaps(files.models) : [],
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
      duplicates: parts.duplicates && told({ ...duplicateDefaults, ...parts.duplicates }),
      familiarity: parts.familiarity && told({ ...familiarityDefaults, ...parts.familiarity }),
    },
    ...(ran.checkpoint && { checkpoint: ran.checkpoint }),
  }
  if (parts.csv) await writeCsv(files, parts)
  if (parts.page) await putText(files.page, await pageOf(files, parts, summary, options.seed))
  const timings = { tables: tablesSeconds, page: seconds(pageStarted), total: seconds(started.at) }
  const done = { ...summary, timings }
  // The last file: if it is of this run, the page is too.
  await putText(files.summary, `${JSON.stringify(done, undefined, 2)}\n`)
  return done
}

/** Sections that the page does not have. */
function leftOut(parts: CheckedParts): PagePart[] {
  return pageParts.filter((part) => parts[part] === false)
}

const duplicateDefaults = { rule: 'evidence', linkage: 'star' }
const familiarityDefaults = { covariance: 'diagonal' }

/** Settings as data: a function of the caller's is told, not shown. */
function told(settings: unknown): unknown {
  return JSON.parse(
    JSON.stringify(settings, (_, value: unknown) =>
      typeof value === 'function' ? 'a function' : value,
    ),
  )
}

function pageOf(
  files: ReportFiles,
  { duplicates }: CheckedParts,
  summary: Summary,
  seed: number,
): Promise<string> {
  return reportPage(
    {
      groups: duplicates === false ? [] : fromParquet(files.groups, { idColumn: 'id' }),
      items: fromParquet(files.items),
      rejects: fromParquet(files.rejects),
      thumbnails: () => thumbnails(files.embeddings),
      summary,
    },
    { seed },
  )
}

/** The tables for a spreadsheet, beside those that hold everything. */
async function writeCsv(files: ReportFiles, { duplicates }: CheckedParts): Promise<void> {
  const tables = [files.items, files.rejects, ...(duplicates === false ? [] : [files.groups])]
  for (const table of tables)
    await lastValueFrom(fromParquet(table).pipe(toCsv(table.replace(/parquet$/, 'csv'))))
}

/** The summary that this run, resumed after its end, has written already; undefined if it, or the page, is missing. */
async function earlierSummary(
  { summary, page }: ReportFiles,
  parts: CheckedParts,
  { checkpoint }: RunSummary,
): Promise<Summary | undefined> {
  if (!checkpoint || !existsSync(summary) || (parts.page && !existsSync(page))) return undefined
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

async function groupsIn(path: string): Promise<GroupCounts> {
  const groups = new GroupCounter()
  for await (const batch of fromParquet(path, { columns: ['group', 'kind', 'split', 'by'] }))
    groups.add(batch)
  return groups.counts()
}

async function labelsIn(path: string): Promise<LabelCounts> {
  const labels = new LabelCounter()
  for await (const batch of fromParquet(path)) labels.add(batch)
  return labels.counts()
}

async function* thumbnails(path: string): AsyncGenerator<RecordBatch> {
  const rows = fromParquet(path)
  const there = (await rows.schema())?.fields.some(({ name }) => name === 'thumbnail')
  if (there) yield* fromParquet(path, { columns: ['id', 'thumbnail'] })
}

function textOf(summary: Summary, { page, csv }: CheckedParts, files: ReportFiles): string {
  const total = summary.timings['total'] ?? 0
  return [
    `${countsText(summary)} in ${total.toFixed(1)} s`,
    ...groupsText(summary),
    ...summary.splitGaps.map((gap) =>
      gapText(`familiarity of ${gap.other} beside ${gap.fit}`, gap),
    ),
    ...(csv ? [`tables: ${files.items.replace(/parquet$/, 'csv')} and others`] : []),
    page ? `report: ${files.page}` : `report: ${files.items}`,
  ].join('\n')
}

function groupsText({ exactGroups, nearGroups, lookAlikeGroups, leaks }: Summary): string[] {
  if (exactGroups === undefined || nearGroups === undefined || !leaks) return []
  const alike = String(lookAlikeGroups ?? 0)
  return [
    `${counted(exactGroups, 'group')} of exact copies, ${String(leaks.exact)} across splits`,
    `${counted(nearGroups, 'group')} of near duplicates (${alike} of more than exact copies), ${String(leaks.near)} across splits`,
  ]
}

function seconds(since: number): number {
  return Math.round(performance.now() - since) / 1_000
}
