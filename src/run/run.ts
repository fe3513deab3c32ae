import { nodeDisk } from '../disk.ts'
import { OptionError } from '../errors.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { Checkpointer, type CheckpointOptions } from './checkpointer.ts'
import { drive } from './drive.ts'
import { type SharedMemory, withinMemory } from './memory.ts'
import { flowsOf, heavyWanted, type Job, type NamedFlow, readingsOf, rowTotal } from './plan.ts'
import { discard, publish } from './publish.ts'
import { rejectFlow, RejectLog } from './reject-log.ts'
import { unreplayable } from './replayable.ts'
import { unresumable } from './resumable.ts'
import { keepResumePoint } from './resume-point.ts'
import { checkOptions, type Progress, type RunOptions } from './run-options.ts'
import { Run } from './run-state.ts'
import type { RunSummary } from './run-summary.ts'
import { sameTargets, takenPlaces } from './check.ts'
import { Tally } from './tally.ts'
import { defaultStallMs, stallText, Watchdog } from './watchdog.ts'
import { withTimeout } from './with-timeout.ts'

export type { Progress, RunOptions } from './run-options.ts'

export type { RunSummary } from './run-summary.ts'

/**
 * Drives the flows of a job to their ends, all at the same time, and returns what they did.
 *
 * - Errors: the first stops all flows, and the run fails with it. Nothing is published.
 * - Rejects: gathered at the ends, counted, and written by `rejects`.
 * - Sums: every part's rows in = kept + rejected + dropped, all rejects arrived, all rows were
 *   written; else the run fails. Only then are the sinks published, all together: with a checkpoint
 *   whatever happens; without, a crash or a rename that the system refuses leaves those before it.
 * - Checkpoints: what follows the newest one is done again by a resumed run. One that had finished
 *   is not run again: its summary is returned.
 * - Memory: what the flows hold in their windows, which `memory` bounds.
 *
 * @throws {OptionError} at the call, if the job holds no flow, an option is wrong, or `memory` is too small; if the
 *   checkpoint's folder holds an unfinished run and `resume` is not given, or one of another plan
 * @throws {RunTimeoutError} if it takes longer than `timeoutMs`
 * @throws {RejectLimitError} if more rows are rejects than `maxRejectRatio` allows
 * @example
 * await run(fromFiles('photos').pipe(decode(), toParquet('items.parquet')))
 */
export async function run(job: Job, options: RunOptions = {}): Promise<RunSummary> {
  const flows = flowsOf(job)
  checkOptions(options)
  const plan = planned(flows, options)
  const again = options.only ? unreplayable(flows.map(({ flow }) => flow)) : []
  const [problem] = [...sameTargets(plan), ...again, ...(await takenPlaces(plan))]
  if (problem) throw new OptionError(problem.message)
  const { windows, ...threads } = withinMemory(plan, options)
  const checkpointer = options.checkpoint && (await openedFor(plan, options, options.checkpoint))
  try {
    const done = checkpointer?.from?.status === 'published' && checkpointer.from.summary
    if (done) return done as RunSummary
    const bounded = flows.every(({ flow }) => flow.bounded)
    return await withTimeout({ ...options, ...threads }, bounded, (timed) =>
      running(flows, timed, { checkpointer, windows }),
    )
  } catch (error) {
    if (checkpointer) keepResumePoint(error, checkpointer.summary(false))
    throw error
  } finally {
    await checkpointer?.close()
  }
}

/** The flows of a run, the sink of the rejects among them. */
function planned(
  named: readonly NamedFlow[],
  { rejects, command }: RunOptions,
): readonly Flow<unknown>[] {
  const flows = named.map(({ flow }) => flow)
  const ordered = flows.every((flow) => flow.bounded)
  return rejects ? [...flows, flowOf(rejectFlow({ ordered, command }).pipe(rejects))] : flows
}

/** Opens the checkpoints, after making sure that all parts can be resumed. */
async function openedFor(
  plan: readonly Flow<unknown>[],
  { seed = 0, disk = nodeDisk, onNote }: RunOptions,
  checkpoint: CheckpointOptions,
): Promise<Checkpointer> {
  const [problem] = unresumable(plan)
  if (problem) throw new OptionError(problem.message)
  const note = onNote ?? (() => undefined)
  const opened = await Checkpointer.open(checkpoint, { flows: plan, seed, disk, note })
  if (opened.from?.status === 'published')
    note(`the run in ${checkpoint.folder} has finished: its rows are not read again`)
  else if (opened.from) note(`resumed from checkpoint ${String(opened.from.number)}`)
  else if (checkpoint.resume)
    note(`no checkpoint in ${checkpoint.folder}: starting at the beginning`)
  return opened
}

/** What a run has been given beside its options. */
interface Held {
  readonly checkpointer: Checkpointer | undefined
  readonly windows: SharedMemory['windows'] | undefined
}

async function running(
  named: readonly NamedFlow[],
  options: RunOptions,
  { checkpointer, windows }: Held,
): Promise<RunSummary> {
  const started = performance.now()
  const flows = named.map(({ flow }) => flow)
  const facts = { wanted: heavyWanted(flows), readings: readingsOf(flows) }
  const state = new Run(options, facts, checkpointer?.durable, windows)
  const tally = new Tally(state, flows)
  const bounded = flows.every((flow) => flow.bounded)
  const rejects = new RejectLog(
    {
      flows: named.map(({ name }) => name),
      ordered: bounded,
      maxRatio: options.maxRejectRatio ?? 0.5,
      command: options.command,
      rowsRead: () => tally.rowsRead(),
    },
    state,
  )
  function progress(): Omit<Progress, 'total'> {
    const seconds = (performance.now() - started) / 1_000
    return { rows: tally.rowsRead(), rejected: rejects.count, seconds }
  }
  const show = shown(flows, options, progress)
  const endWatch = watched(state, flows, options)
  try {
    const { sinks, complete } = await drive(named, { state, rejects, options, checkpointer })
    if (complete) tally.verify(rejects.count, sinks.slice(0, flows.length).flat())
    show.now()
    const summary: RunSummary = {
      ...progress(),
      drained: state.draining || !complete,
      sinks: sinks.flat(),
      operators: tally.operators(),
      ...(checkpointer && { checkpoint: checkpointer.summary(complete) }),
    }
    if (complete) await publish(state, rejects, { summary, checkpointer })
    return summary
  } finally {
    show.end()
    endWatch()
    await discard(state)
    await rejects.end()
    await state.close()
  }
}

/** Tells what holds the run up when no row moves; returns what ends that. */
function watched(
  state: Run,
  flows: readonly Flow<unknown>[],
  { stallMs = defaultStallMs, onStall, onNote }: RunOptions,
): () => void {
  if (stallMs === 0) return () => undefined
  return new Watchdog(state, flows, {
    stallMs,
    onStall(stall) {
      onNote?.(stallText(stall))
      onStall?.(stall)
    },
  }).start()
}

/** Calls `onProgress` now and then. */
function shown(
  flows: readonly Flow<unknown>[],
  { onProgress, progressMs, total: given }: RunOptions,
  progress: () => Omit<Progress, 'total'>,
): { now: () => void; end: () => void } {
  let total = given
  const counting = new AbortController()
  if (onProgress && total === undefined)
    rowTotal(flows, counting.signal).then(
      (rows) => (total = rows),
      // What a source cannot count it cannot read either, and then the run fails with it.
      () => undefined,
    )
  function now(): void {
    onProgress?.({ ...progress(), ...(total !== undefined && { total }) })
  }
  const timer = setInterval(now, progressMs ?? 200)
  return {
    now,
    end() {
      clearInterval(timer)
      counting.abort()
    },
  }
}
