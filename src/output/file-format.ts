import type { RecordBatch } from 'apache-arrow'
import type { Context } from '../flow/context.ts'
import type { Output } from './output.ts'

/** Writes rows into one file, in some format. The calls come one at a time. */
export interface Encoder<S> {
  /** Rows given so far. */
  readonly rows: number
  /** Adds the rows of a batch. */
  readonly write: (batch: RecordBatch) => Promise<void>
  /** What it takes to go on, besides the bytes in the file: anything `structuredClone` takes. */
  readonly save: () => Promise<S>
  /** Writes what is left, and the end of the file. */
  readonly finish: () => Promise<void>
  /** Lets go of threads and the like. */
  readonly close: () => Promise<void>
}

/** A format that rows are written in. */
export interface FileFormat<S> {
  /** Name of the sink. */
  readonly name: string
  /** Ends the names of parts, without dot. */
  readonly extension: string
  /** Starts to write `file`, or goes on with it where `from` was saved. */
  readonly encode: (
    file: Output,
    from: S | undefined,
    context: Context,
  ) => Encoder<S> | Promise<Encoder<S>>
  /** What it takes to add rows to the file at `path`; throws {@link DataError} if it is damaged. */
  readonly reopen: (path: string) => Promise<Reopened<S>>
}

/** A file that rows are added to. */
export interface Reopened<S> {
  /** Bytes of it that stay. */
  readonly bytes: number
  /** What an encoder goes on from, behind them. */
  readonly state: S
  /** Rows that the encoder counts from there. */
  readonly rows: number
}
