import type { RecordBatch } from 'apache-arrow'

/** How many items have which label and split. */
export interface LabelCounts {
  /** Items by label, by name. */
  readonly labels: Readonly<Record<string, number>>
  /** Items by split, by name. */
  readonly splits: Readonly<Record<string, number>>
  /** Items without a label: their path did not say. */
  readonly unlabelled: number
}

/** Counts labels and splits. Holds a number for each. */
export class LabelCounter {
  readonly #labels = new Map<string, number>()
  readonly #splits = new Map<string, number>()
  #unlabelled = 0

  /** Adds rows with `label` and `split`, where these are there. */
  add(batch: RecordBatch): void {
    const labels = batch.getChild('label')
    const splits = batch.getChild('split')
    for (let row = 0; row < batch.numRows; row++) {
      const label: unknown = labels?.get(row)
      if (typeof label === 'string') increase(this.#labels, label)
      else this.#unlabelled++
      const split: unknown = splits?.get(row)
      if (typeof split === 'string') increase(this.#splits, split)
    }
  }

  /** What was counted. */
  counts(): LabelCounts {
    return {
      labels: sorted(this.#labels),
      splits: sorted(this.#splits),
      unlabelled: this.#unlabelled,
    }
  }
}

function increase(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
}
