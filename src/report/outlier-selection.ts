import type { RecordBatch } from 'apache-arrow'
import { Best } from './best.ts'
import type { PageItem } from './page-item.ts'
import { numberAt, textAt, textsAt } from './cells.ts'

const overallShown = 24
const perMetricShown = 8
const labelsShown = 60
const labelsTracked = 1000

/** An item that is out of bounds. */
export interface PageOutlier {
  /** The item. */
  readonly item: PageItem
  /** Why, in words, the most striking first. */
  readonly reasons: readonly string[]
}

/** The items that one metric flags. */
export interface FlaggedMetric {
  /** Name of the metric. */
  readonly name: string
  /** How many items it flags. */
  readonly count: number
  /** The farthest out, farthest first. */
  readonly outliers: readonly PageOutlier[]
}

/** How many items of a label each metric flags. */
export interface FlaggedLabel {
  /** The label; null for items without. */
  readonly label: string | null
  /** How many items carry it. */
  readonly items: number
  /** How many of these are flagged. */
  readonly flagged: number
  /** How many each metric flags, by name. */
  readonly byMetric: ReadonlyMap<string, number>
}

/** What is out of bounds. */
export interface PageOutliers {
  /** How many items are flagged. */
  readonly flagged: number
  /** The farthest out, farthest first. */
  readonly outliers: readonly PageOutlier[]
  /** By metric, the one that flags most first. */
  readonly metrics: readonly FlaggedMetric[]
  /** By label, largest first. */
  readonly labels: readonly FlaggedLabel[]
  /** How many labels there are beyond these. */
  readonly otherLabels: number
}

interface LabelCounts {
  items: number
  flagged: number
  readonly byMetric: Map<string, number>
}

/**
 * Chooses the items farthest out of bounds, overall and for each metric, and counts them by label. Holds 24 items and 8
 * for each metric, and counts of the first 1,000 labels met.
 */
export class OutlierSelection {
  readonly #overall = new Best<PageOutlier>(overallShown)
  readonly #metrics = new Map<string, { count: number; readonly best: Best<PageOutlier> }>()
  readonly #labels = new Map<string | null, LabelCounts>()
  #untracked = 0
  #flagged = 0
  #known = false

  /** Takes rows of the items table; `read` reads an item. */
  add(batch: RecordBatch, read: (row: number) => PageItem): void {
    const [names, reasons, score, label] = [
      ...['outlier_metrics', 'outlier_reasons', 'outlier_score', 'label'],
    ].map((name) => batch.getChild(name))
    if (!names || !reasons) return
    this.#known = true
    for (let row = 0; row < batch.numRows; row++) {
      const flags = textsAt(names, row)
      this.#count(textAt(label ?? null, row), flags)
      if (flags.length === 0) continue
      this.#flagged++
      const rank = -(numberAt(score ?? null, row) ?? 0)
      const words = textsAt(reasons, row)
      if (this.#overall.accepts(rank)) this.#overall.add(rank, { item: read(row), reasons: words })
      for (const [i, name] of flags.entries())
        this.#flag(name, rank, () => ({ item: read(row), reasons: words.slice(i, i + 1) }))
    }
  }

  /** What was chosen; undefined if the items were not held against bounds. */
  finish(): PageOutliers | undefined {
    if (!this.#known) return undefined
    const labels = [...this.#labels].sort(([, a], [, b]) => b.items - a.items)
    return {
      flagged: this.#flagged,
      outliers: this.#overall.sorted(),
      metrics: [...this.#metrics]
        .map(([name, { count, best }]) => ({ name, count, outliers: best.sorted() }))
        .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)),
      labels: labels.slice(0, labelsShown).map(([label, counts]) => ({ label, ...counts })),
      otherLabels: Math.max(0, labels.length - labelsShown) + this.#untracked,
    }
  }

  #count(label: string | null, flags: readonly string[]): void {
    let counts = this.#labels.get(label)
    if (!counts) {
      if (this.#labels.size === labelsTracked) {
        this.#untracked++
        return
      }
      counts = { items: 0, flagged: 0, byMetric: new Map() }
      this.#labels.set(label, counts)
    }
    counts.items++
    if (flags.length > 0) counts.flagged++
    for (const name of flags) counts.byMetric.set(name, (counts.byMetric.get(name) ?? 0) + 1)
  }

  #flag(name: string, rank: number, read: () => PageOutlier): void {
    const found = this.#metrics.get(name) ?? { count: 0, best: new Best(perMetricShown) }
    this.#metrics.set(name, found)
    found.count++
    if (found.best.accepts(rank)) found.best.add(rank, read())
  }
}
