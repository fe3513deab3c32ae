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
}
