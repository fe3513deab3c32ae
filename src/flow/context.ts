import type { Run } from '../run/run-state.ts'

/** What a reader hands upstream when it pulls. */
export interface Context {
  /** Aborts when the reader wants no more. */
  readonly signal: AbortSignal
  /**
   * The heavy columns (encoded pictures, pixels) that a later operator declares. The rest of
   * the heavy columns need not be carried. Without it every column is wanted.
   */
  readonly columns?: ReadonlySet<string>
  /** The run this belongs to; a flow that is read by itself has none. */
  readonly run?: Run
  /** Whether sinks add to what is there, in place of writing anew. */
  readonly adding?: boolean
  /** Which of several readings of one part this is: the name of the job's flow, of a branch, of a table. */
  readonly lane?: string
}

/** The context for a reading of its own, so that a part read here and elsewhere has a slot in both. */
export function inLane(context: Context, lane: string): Context {
  return { ...context, lane: context.lane === undefined ? lane : `${context.lane}.${lane}` }
}

/** The heavy columns that any of several readers wants; undefined if one wants every column. */
export function columnsForAll(readers: readonly Context[]): ReadonlySet<string> | undefined {
  const all = new Set<string>()
  for (const { columns } of readers) {
    if (!columns) return undefined
    for (const name of columns) all.add(name)
  }
  return all
}
