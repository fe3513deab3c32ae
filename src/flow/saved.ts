/** Rows that a part has seen: rowsIn = rowsKept + rejected + dropped. */
export interface Counts {
  /** Rows that came in. */
  rowsIn: number
  /** Rows of the input that went on (an expanding operator counts by source row). */
  rowsKept: number
  /** Rows that became rejects. */
  rejected: number
  /** Rows left out on purpose. */
  dropped: number
}

/** Before the first row. */
export const noCounts: Readonly<Counts> = { rowsIn: 0, rowsKept: 0, rejected: 0, dropped: 0 }

/** What a checkpoint keeps of a slot. */
export interface Saved {
  /** Rows up to there. */
  readonly counts: Counts
  /** Whether the part had ended by itself: what follows is all there is. */
  readonly ended: boolean
  /** The part's own state: anything `structuredClone` takes. */
  readonly state: unknown
}
