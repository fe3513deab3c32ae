import type { WriteSummary } from '../flow/sink.ts'
import type { CheckpointSummary } from './checkpointer.ts'
import type { OperatorSummary } from './tally.ts'

/** What a run did. */
export interface RunSummary {
  /** Rows that the sources gave. */
  readonly rows: number
  /** Rows that became rejects. */
  readonly rejected: number
  /** Seconds from start to end, of this process. */
  readonly seconds: number
  /** Whether it was ended early by `drain`. */
  readonly drained: boolean
  /** Receipts of the sinks, in the order of the flows; that of the rejects is last. */
  readonly sinks: readonly WriteSummary[]
  /** Rows by part, inputs before what reads them. */
  readonly operators: readonly OperatorSummary[]
  /** Its checkpoints, if it kept any. */
  readonly checkpoint?: CheckpointSummary
}
