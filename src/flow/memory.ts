/** Bytes that a part may hold in its queues and state, where it can make do with less. */
export interface MemoryRange {
  /** With less it does not work. */
  readonly least: number
  /** More is of no use to it; what it may hold where nobody sets a budget. */
  readonly most: number
}

/** What a part states of its memory: a range, a fixed number of bytes, or nothing. */
export type StatedMemory = number | MemoryRange | undefined

/** A part of a plan, as far as its memory goes. */
export interface MemoryHolder {
  /** What is known of it. */
  readonly info: { readonly memoryBytes?: number | MemoryRange }
}

/** The range that a part states; nothing stated is none held. */
export function memoryRange(stated: StatedMemory): MemoryRange {
  return typeof stated === 'object' ? stated : { least: stated ?? 0, most: stated ?? 0 }
}

/** Shares `bytes`: each gets its least, and of the rest in proportion to what it could use, none more than its most. */
export function splitMemory(bytes: number, ranges: readonly MemoryRange[]): number[] {
  const least = ranges.reduce((sum, range) => sum + range.least, 0)
  const most = ranges.reduce((sum, range) => sum + range.most, 0)
  const ratio = most > least ? Math.min(1, Math.max(0, (bytes - least) / (most - least))) : 1
  return ranges.map((range) => Math.floor(range.least + ratio * (range.most - range.least)))
}

/** What two parts in one hold. */
export function addedMemory(a: MemoryRange, b: MemoryRange): MemoryRange {
  return { least: a.least + b.least, most: a.most + b.most }
}

/**
 * Bytes that `part` may hold in this run: its share of the budget; without a run or a budget the
 * most that it states.
 */
export function memoryOf(
  part: MemoryHolder,
  { run }: { readonly run?: { memoryOf: (part: MemoryHolder) => number } | undefined },
): number {
  return run?.memoryOf(part) ?? memoryRange(part.info.memoryBytes).most
}
