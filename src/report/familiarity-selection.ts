import { Best } from './best.ts'
import type { LabelFamiliarity } from './page-data.ts'
import type { PageItem } from './page-item.ts'

const overallShown = 24
const perLabelShown = 6
const labelsShown = 60
const labelsTracked = 1000

interface Extremes {
  readonly least: Best<PageItem>
  readonly most: Best<PageItem>
  count: number
}

/** How familiar an item is; null where it has no score. */
interface Scores {
  /** Among all items. */
  readonly overall: number | null
  /** Among those of its label; a label has this score for all of its items or for none. */
  readonly within: number | null
}

/**
 * Chooses the least and most familiar items, overall and within each label, there by the label's own score if it has one.
 * Holds 48 items and 12 for each of the first 1,000 labels met; items of later labels are only counted.
 */
export class FamiliaritySelection {
  readonly #overall = extremes(overallShown)
  readonly #labels = new Map<string, Extremes>()
  #untracked = 0

  /** Takes the next item; `read` is called only if it may be shown. */
  add(label: string | null, { overall, within }: Scores, read: () => PageItem): void {
    const tracked = label === null ? undefined : this.#track(label)
    if (overall === null) return
    offer(this.#overall, overall, read)
    if (tracked) offer(tracked, within ?? overall, read)
  }

  /** Returns what was chosen. */
  finish(): {
    least: PageItem[]
    most: PageItem[]
    labels: LabelFamiliarity[]
    otherLabelled: number
  } {
    const labels = [...this.#labels].sort((a, b) => b[1].count - a[1].count)
    const others = labels.slice(labelsShown).reduce((sum, [, { count }]) => sum + count, 0)
    return {
      ...chosen(this.#overall),
      labels: labels
        .slice(0, labelsShown)
        .map(([label, found]) => ({ label, count: found.count, ...chosen(found) })),
      otherLabelled: others + this.#untracked,
    }
  }

  #track(label: string): Extremes | undefined {
    let found = this.#labels.get(label)
    if (!found && this.#labels.size < labelsTracked) {
      found = extremes(perLabelShown)
      this.#labels.set(label, found)
    }
    if (found) found.count++
    else this.#untracked++
    return found
  }
}

function extremes(capacity: number): Extremes {
  return { least: new Best(capacity), most: new Best(capacity), count: 0 }
}

function offer({ least, most }: Extremes, familiarity: number, read: () => PageItem): void {
  if (least.accepts(familiarity)) least.add(familiarity, read())
  if (most.accepts(-familiarity)) most.add(-familiarity, read())
}

/** An item of a small label is among both; it is shown once, on the side where it ranks. */
function chosen(found: Extremes): { least: PageItem[]; most: PageItem[] } {
  const least = found.least.sorted()
  const most = found.most.sorted()
  const ids = new Set([...least, ...most].map((item) => item.id))
  const leastShown = least.slice(0, Math.min(least.length, Math.ceil(ids.size / 2)))
  const taken = new Set(leastShown.map((item) => item.id))
  return { least: leastShown, most: most.filter((item) => !taken.has(item.id)) }
}
