/** An item as the page shows it: a row of `items.parquet`. */
export interface PageItem {
  /** Column `id`. */
  readonly id: string
  /** Column `label`. */
  readonly label: string | null
  /** Column `split`. */
  readonly split: string | null
  /** Column `width`, in pixels. */
  readonly width: number | null
  /** Column `height`, in pixels. */
  readonly height: number | null
  /** Column `familiarity`: a log density, higher is more familiar. */
  readonly familiarity: number | null
  /** Column `familiarity_percentile`, 0 to 100. */
  readonly percentile: number | null
  /** Column `label_familiarity`: a log density among the items of its label; null where that has none. */
  readonly labelFamiliarity: number | null
  /** Column `label_familiarity_percentile`, 0 to 100. */
  readonly labelPercentile: number | null
  /** Column `x`. */
  readonly x: number | null
  /** Column `y`. */
  readonly y: number | null
}
