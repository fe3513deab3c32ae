import type { RunSummary } from '../run/run.ts'

/** What became of the files, or of the rows of the sources: they add up to all of them. */
export interface ItemCounts {
  /** Decodable items. */
  readonly items: number
  /** Items that failed. */
  readonly rejects: number
  /** Files that are no pictures. */
  readonly ignored: number
}

/** Counts the items of a run of a workflow: those that came through the operator `last`, by default those that were scored. */
export function itemCounts(ran: RunSummary, last = 'pca'): ItemCounts {
  return {
    items: total(ran, last, 'rowsKept'),
    rejects: ran.rejected,
    ignored: total(ran, 'fromFiles', 'dropped'),
  }
}

/** Counts the pictures that a run decoded, for the others were known. */
export function decodedCount(ran: RunSummary): number {
  return total(ran, 'decode', 'rowsKept')
}

/** Adds up what all operators of a name did: from the second on they are numbered, `decode#2`. */
function total({ operators }: RunSummary, name: string, count: 'rowsKept' | 'dropped'): number {
  return operators
    .filter((operator) => operator.name.replace(/#\d+$/, '') === name)
    .reduce((sum, operator) => sum + operator[count], 0)
}

/** `262 items, 5 rejects, 3 other files`. */
export function countsText({ items, rejects, ignored }: ItemCounts): string {
  const other = ignored > 0 ? `, ${counted(ignored, 'other file')}` : ''
  return `${counted(items, 'item')}, ${counted(rejects, 'reject')}${other}`
}

/** `1 item`, `2 items`. */
export function counted(n: number, noun: string): string {
  return `${String(n)} ${noun}${n === 1 ? '' : 's'}`
}
