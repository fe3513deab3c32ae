import type { RecordBatch } from 'apache-arrow'
import { Best } from './best.ts'
import type { PageItem } from './page-item.ts'
import { numberAt, textAt } from './cells.ts'

const shown = 24
/** Share of the neighbours' votes from which on a suggestion is told; DataEval 1.0 has the same. */
const leastConfidence = 0.4

/** An item whose label its neighbours do not share. */
export interface PageLabelError {
  /** The item. */
  readonly item: PageItem
  /** The label that they have. */
  readonly suggested: string
  /** How likely its own is wrong, 0 to 1. */
  readonly error: number
}

/** Labels that may be wrong. */
export interface PageLabelErrors {
  /** How many items have another label suggested by enough of their neighbours. */
  readonly count: number
  /** How many by fewer. */
  readonly weak: number
  /** The likeliest, likeliest first. */
  readonly errors: readonly PageLabelError[]
}

/** Chooses the 24 items whose labels are likeliest wrong, of those whose neighbours agree on another one. */
export class LabelErrorSelection {
  readonly #best = new Best<PageLabelError>(shown)
  #known = false
  #count = 0
  #weak = 0

  /** Takes rows of the items table; `read` reads an item. */
  add(batch: RecordBatch, read: (row: number) => PageItem): void {
    const errors = batch.getChild('label_error')
    const suggestions = batch.getChild('suggested_label')
    const confidences = batch.getChild('label_confidence')
    if (!errors || !suggestions) return
    this.#known = true
    for (let row = 0; row < batch.numRows; row++) {
      const suggested = textAt(suggestions, row)
      const error = numberAt(errors, row)
      if (suggested === null || error === null) continue
      if ((numberAt(confidences, row) ?? 0) < leastConfidence) {
        this.#weak++
        continue
      }
      this.#count++
      if (this.#best.accepts(-error)) this.#best.add(-error, { item: read(row), suggested, error })
    }
  }

  /** What was chosen; undefined if no labels were compared. */
  finish(): PageLabelErrors | undefined {
    if (!this.#known) return undefined
    return { count: this.#count, weak: this.#weak, errors: this.#best.sorted() }
  }
}
