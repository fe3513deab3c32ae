import { aligned } from '../output/aligned.ts'
import type { JsonRow } from '../output/json-rows.ts'
import { counted } from './item-counts.ts'

/** The tables that the numbers are in. */
export interface StatsTables {
  /** A row per metric, as `summarize` makes it. */
  readonly metrics: readonly JsonRow[]
  /** A row per label, as `labelStats` makes it. */
  readonly labels: readonly JsonRow[]
}

const numbers = ['mean', 'std', 'min', 'p5', 'median', 'p95', 'max'] as const
/** Labels that are told a person; the rest is in the summary. */
const mostLabels = 30

/** The numbers for a person: a table of the metrics, and one of the labels if there are any. */
export function statsText({ metrics, labels }: StatsTables, labelled: boolean): string[] {
  const flagged = flaggedBy(labels)
  const rows = metrics.map((row) => [
    String(row['column']),
    ...numbers.map((name) => numberText(row[name])),
    String(flagged.get(String(row['column'])) ?? 0),
  ])
  const all = labels.reduce((sum, row) => sum + Number(row['flagged']), 0)
  return [
    ...['', ...aligned([['', ...numbers, 'flagged'], ...rows], (column) => column > 0)],
    ...['', `${counted(all, 'picture')} flagged`],
    ...(labelled ? labelLines(labels) : []),
  ]
}

/** How many pictures each metric flags. */
function flaggedBy(labels: readonly JsonRow[]): Map<string, number> {
  const flagged = new Map<string, number>()
  for (const row of labels) {
    const counts = row['flagged_counts'] as readonly number[]
    for (const [i, name] of (row['flagged_metrics'] as readonly string[]).entries())
      flagged.set(name, (flagged.get(name) ?? 0) + (counts[i] ?? 0))
  }
  return flagged
}

function labelLines(labels: readonly JsonRow[]): string[] {
  const rows = labels.slice(0, mostLabels).map((row) => {
    const metrics = (row['flagged_metrics'] as readonly string[]).slice(0, 5).join(', ')
    const name = typeof row['label'] === 'string' ? row['label'] : '(no label)'
    return [name, String(row['images']), String(row['flagged']), metrics]
  })
  const more = labels.length - rows.length
  return [
    '',
    ...aligned(
      [['label', 'pictures', 'flagged', 'by'], ...rows],
      (column) => column === 1 || column === 2,
    ),
    ...(more > 0 ? [`${String(more)} more labels: see --json`] : []),
  ]
}

/** To four digits. */
function numberText(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : '–'
}
