import type { RunSummary } from '../run.ts'

/** What became of the files, or of the rows of the sources: they add up to all of them. */
export interface ItemCounts {
  /** Decodable items. */
  readonly items: number
  /** Items that failed. */
  readonly rejects: number
  /** Files that are no pictures. */
  readonly ignored: number
}

/** Counts the items of a run of a workflow: those that were scored. */
export function itemCounts({ rejected, operators }: RunSummary): ItemCounts {
  const files = operators.filter(({ name }) => /^fromFiles(#\d+)?$/.test(name))
  return {
    items: operators.find(({ name }) => name === 'pca')?.rowsKept ?? 0,
    rejects: rejected,
    ignored: files.reduce((sum, { dropped }) => sum + dropped, 0),
  }
}

/** `262 items, 5 rejects, 3 other files`. */
export function countsText({ items, rejects, ignored }: ItemCounts): string {
  const other = ignored > 0 ? `, ${String(ignored)} other files` : ''
  return `${String(items)} items, ${String(rejects)} rejects${other}`
}
