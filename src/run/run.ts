import { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import type { Context } from '../flow/context.ts'
import { Barrier, Rejects } from '../flow/control.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { knownOptions, numberBetween, positiveInteger, wholeNumber } from '../options.ts'
import { flowsOf, heavyWanted, type Job, rowTotal } from './plan.ts'
import { RejectLog } from './reject-log.ts'
import { Run, type RunSettings } from './run-state.ts'
import type { WriteSummary } from '../flow/sink.ts'
import { type OperatorSummary, Tally } from './tally.ts'

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

/** Options of {@link run}. */
export interface RunOptions extends RunSettings {
  /** Stops the run: its sinks publish nothing, and it fails with the signal's reason. */
  readonly signal?: AbortSignal
  /** Ends the sources early: what they have given goes on to the sinks, which complete. */
  readonly drain?: AbortSignal
  /**
   * A sink for the rejects, for instance `toParquet('rejects.parquet')`.
   *
   * @default none: they are counted
   */
  readonly rejects?: OperatorFunction<RecordBatch, WriteSummary>
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
}

/** What a run did. */
export interface RunSummary {
  /** Rows that the sources gave. */
  readonly rows: number
  /** Rows that became rejects. */
  readonly rejected: number
  /** Seconds from start to end. */
  readonly seconds: number
  /** Whether the sources were ended early by `drain`. */
  readonly drained: boolean
  /** Receipts of the sinks, in the order of the flows; that of the rejects is last. */
  readonly sinks: readonly WriteSummary[]
  /** Rows by part, inputs before what reads them. */
  readonly operators: readonly OperatorSummary[]
}

const optionNames = [
  ...['seed', 'threads', 'spillDir', 'restored', 'signal', 'drain', 'rejects'],
  ...['maxRejectRatio', 'onProgress', 'progressMs', 'total'],
]

/** How long the parts of a stopped run get to close what they hold. */
const closingMs = 10_000

/**
 * Drives the flows of a job to their ends, all at the same time, and returns what they did.
 *
 * - Errors: the first stops all flows; their sinks publish nothing, and the run fails with it.
 * - Rejects: gathered at the ends, counted, and written by `rejects`.
 * - Sums: every part's rows in = kept + rejected + dropped, all rejects arrived, all rows were
 *   written; else the run fails.
 * - Memory: what the flows hold, and the rejects of a flow whose turn to be written has not come.
 *
 * @throws {OptionError} at the call, if the job holds no flow or an option is wrong
 * @throws {RejectLimitError} if more rows are rejects than `maxRejectRatio` allows
 * @example
 * await run(fromFiles('photos').pipe(decode(), toParquet('items.parquet')))
 */
export async function run(job: Job, options: RunOptions = {}): Promise<RunSummary> {
  const flows = flowsOf(job).map(({ flow }) => flow)
  const { maxRatio, progressMs } = checked(options)
  const state = new Run(options, heavyWanted(flows))
  const tally = new Tally(state, flows)
  const rejects = new RejectLog({
    flows: flows.length,
    ordered: flows.every((flow) => flow.bounded),
    read: options.rejects !== undefined,
    maxRatio,
    rowsRead: () => tally.rowsRead(),
  })
  const started = performance.now()
  const counting = new AbortController()
  let total = options.total
  if (options.onProgress && total === undefined)
    rowTotal(flows, counting.signal).then(
      (rows) => (total = rows),
      // What a source cannot count it cannot read either, and then the run fails with it.
      () => undefined,
    )
  function progress(): Progress {
    const seconds = (performance.now() - started) / 1_000
    const all = total !== undefined && { total }
    return { rows: tally.rowsRead(), rejected: rejects.count, seconds, ...all }
  }
  const timer = setInterval(() => options.onProgress?.(progress()), progressMs)
  try {
    const sinks = await driveAll(flows, { state, rejects, options })
    tally.verify(rejects.count, sinks.slice(0, flows.length).flat())
    const done = progress()
    options.onProgress?.(done)
    return {
      rows: done.rows,
      rejected: done.rejected,
      seconds: done.seconds,
      drained: state.draining,
      sinks: sinks.flat(),
      operators: tally.operators(),
    }
  } finally {
    clearInterval(timer)
    counting.abort()
    await state.close()
  }
}

function checked(options: RunOptions): { maxRatio: number; progressMs: number } {
  knownOptions('run', options, optionNames)
  if (options.seed !== undefined) wholeNumber('seed', options.seed)
  if (options.threads !== undefined) positiveInteger('threads', options.threads)
  if (options.total !== undefined) wholeNumber('total', options.total)
  return {
    maxRatio: numberBetween('maxRejectRatio', options.maxRejectRatio ?? 0.5, 0, 1),
    progressMs: positiveInteger('progressMs', options.progressMs ?? 200),
  }
}

interface Driving {
  readonly state: Run
  readonly rejects: RejectLog
  readonly options: RunOptions
}

/** Drives every flow and the sink of the rejects; returns the receipts of each. */
async function driveAll(
  flows: readonly Flow<unknown>[],
  { state, rejects, options }: Driving,
): Promise<readonly WriteSummary[][]> {
  const stop = new AbortController()
  const closed = new AbortController()
  const stopListening = [
    whenAborted(options.signal, (reason) => {
      stop.abort(reason)
    }),
    whenAborted(options.drain, () => {
      state.drain()
    }),
    whenAborted(stop.signal, () => {
      rejects.close()
    }),
  ]
  const context: Context = { signal: stop.signal, columns: new Set(), run: state }
  const ends = flows.map(async (flow, i) => {
    const summaries = await drive(flow, context, (message) => rejects.take(message, i))
    await rejects.end(i)
    return summaries
  })
  if (options.rejects) ends.push(drive(flowOf(rejects.flow.pipe(options.rejects)), context))
  for (const end of ends) {
    end.catch((error: unknown) => {
      stop.abort(error)
    })
  }
  void Promise.allSettled(ends.slice(0, flows.length)).then(() => {
    rejects.close()
  })
  try {
    await Promise.race([Promise.allSettled(ends), givenUp(stop.signal, closed.signal)])
    stop.signal.throwIfAborted()
    return await Promise.all(ends)
  } finally {
    closed.abort()
    for (const end of stopListening) end()
  }
}

/** Reads a flow to its end; returns the receipts among its values. */
async function drive(
  flow: Flow<unknown>,
  context: Context,
  take?: (rejects: Rejects) => Promise<void>,
): Promise<WriteSummary[]> {
  const summaries: WriteSummary[] = []
  for await (const value of flow.pull(context)) {
    if (value instanceof Rejects) await take?.(value)
    // A barrier that has passed every end is where a checkpoint is committed.
    else if (value instanceof Barrier) continue
    else if (isWriteSummary(value)) summaries.push(value)
  }
  return summaries
}

function isWriteSummary(value: unknown): value is WriteSummary {
  if (typeof value !== 'object' || value === null || value instanceof RecordBatch) return false
  return 'sink' in value && 'location' in value && 'rows' in value
}

/** Calls `act` when `signal` aborts, or at once if it has; returns what stops that. */
function whenAborted(signal: AbortSignal | undefined, act: (reason: unknown) => void): () => void {
  function aborted(): void {
    act(signal?.reason)
  }
  if (signal?.aborted) aborted()
  signal?.addEventListener('abort', aborted)
  return () => signal?.removeEventListener('abort', aborted)
}

/** Settles some time after `stop` has aborted, in case a part does not end; does nothing once all is `closed`. */
function givenUp(stop: AbortSignal, closed: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    whenAborted(stop, () => {
      const timer = setTimeout(resolve, closingMs, undefined)
      whenAborted(closed, () => {
        clearTimeout(timer)
      })
    })
  })
}
