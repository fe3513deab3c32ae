import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import type { WriteSummary } from '../flow/sink.ts'
import {
  knownOptions,
  localPath,
  numberBetween,
  positiveInteger,
  trueOrFalse,
  wholeNumber,
} from '../options.ts'
import { outputLocation } from '../storage/location.ts'
import type { CheckpointOptions } from './checkpointer.ts'
import type { RunSettings } from './run-state.ts'
import type { Stall } from './watchdog.ts'

/** How far a run is. */
export interface Progress {
  /** Rows that the sources have given. */
  readonly rows: number
  /** Rows among them that became rejects. */
  readonly rejected: number
  /** Seconds since the start. */
  readonly seconds: number
  /** Rows that there are, if that is known. */
  readonly total?: number
}

/** Options of `run`. */
export interface RunOptions extends RunSettings {
  /** Stops the run: its sinks publish nothing, and it fails with the signal's reason. */
  readonly signal?: AbortSignal
  /**
   * Ends the run early. With a checkpoint one more is taken, and what follows it is left for a
   * resumed run; without, the sources end, what they have given goes on to the sinks, and these complete.
   */
  readonly drain?: AbortSignal
  /**
   * A sink for the rejects, for instance `toParquet('rejects.parquet')`.
   *
   * @default none: they are counted
   */
  readonly rejects?: OperatorFunction<RecordBatch, WriteSummary>
  /**
   * The command that made the run, as JSON, for `millrace replay`: kept in the metadata of the rejects.
   *
   * @default none
   */
  readonly command?: string
  /**
   * Most rejects per row read, from 0 to 1. Counts from the 100th row on.
   *
   * @default 0.5
   */
  readonly maxRejectRatio?: number
  /** Called now and then, and at the end. */
  readonly onProgress?: (progress: Progress) => void
  /**
   * Least time between two calls of `onProgress`.
   *
   * @default 200
   */
  readonly progressMs?: number
  /**
   * Rows that the sources will give.
   *
   * @default counted by the sources that can tell, while the run goes on, if there is `onProgress`
   */
  readonly total?: number
  /**
   * Longest time that the run may take. Then one that ends by itself fails; with checkpoints after a last
   * one, from which it can be resumed, without it publishes nothing. One that does not end by itself is drained.
   *
   * @default none
   */
  readonly timeoutMs?: number
  /** Keeps checkpoints, so that a run that was cut short can be resumed. */
  readonly checkpoint?: CheckpointOptions
  /**
   * Time in which no row moves after which the run tells which part holds it up, by `onNote` and `onStall`, and
   * goes on. 0: never.
   *
   * @default 60_000
   */
  readonly stallMs?: number
  /** Called when no row has moved for `stallMs`, and again after each further `stallMs`. */
  readonly onStall?: (stall: Stall) => void
  /** Tells the user something, in one line. */
  readonly onNote?: (line: string) => void
}

/** A timer of Node takes at most so many milliseconds. */
const longestMs = 2 ** 31 - 1

const optionNames = [
  ...['seed', 'threads', 'memory', 'spillDir', 'only', 'disk', 'signal', 'drain', 'rejects'],
  ...['maxRejectRatio', 'command', 'onProgress', 'progressMs', 'total', 'checkpoint', 'onNote'],
  ...['timeoutMs', 'stallMs', 'onStall'],
]

/** Throws an {@link OptionError} if an option is unknown or wrong. */
export function checkOptions(options: RunOptions): void {
  knownOptions('run', options, optionNames)
  const { seed, threads, total, checkpoint } = options
  if (seed !== undefined) wholeNumber('seed', seed)
  if (threads !== undefined) positiveInteger('threads', threads)
  if (options.spillDir !== undefined) localPath('spillDir', options.spillDir)
  if (total !== undefined) wholeNumber('total', total)
  numberBetween('maxRejectRatio', options.maxRejectRatio ?? 0.5, 0, 1)
  positiveInteger('progressMs', options.progressMs ?? 200)
  if (options.timeoutMs !== undefined) numberBetween('timeoutMs', options.timeoutMs, 1, longestMs)
  if (options.stallMs !== undefined) numberBetween('stallMs', options.stallMs, 0, longestMs)
  if (!checkpoint) return
  knownOptions('checkpoint', checkpoint, ['folder', 'everyMs', 'resume'])
  outputLocation('folder', checkpoint.folder)
  if (checkpoint.everyMs !== undefined) numberBetween('everyMs', checkpoint.everyMs, 1, longestMs)
  if (checkpoint.resume !== undefined) trueOrFalse('resume', checkpoint.resume)
}
