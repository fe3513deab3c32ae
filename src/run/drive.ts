import { RecordBatch } from 'apache-arrow'
import type { Context } from '../flow/context.ts'
import { Barrier, Rejects } from '../flow/control.ts'
import { Deferred } from '../flow/deferred.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import type { WriteSummary } from '../flow/sink.ts'
import type { Checkpointer } from './checkpointer.ts'
import type { NamedFlow } from './plan.ts'
import type { RejectLog } from './reject-log.ts'
import type { RunOptions } from './run-options.ts'
import { rejectLane, type Run } from './run-state.ts'

/** How long the parts of a stopped run get to close what they hold. */
const closingMs = 10_000

/** How long a run that is drained gets for its last checkpoint. */
const drainMs = 30_000

/** What it takes to drive the flows of a run. */
export interface Driving {
  /** The run. */
  readonly state: Run
  /** Takes the rejects that come to the ends. */
  readonly rejects: RejectLog
  /** Its options. */
  readonly options: RunOptions
  /** Takes its checkpoints, if it keeps any. */
  readonly checkpointer: Checkpointer | undefined
}

/** How the flows ended. */
export interface Driven {
  /** The receipts of each flow, and of the sink of the rejects. */
  readonly sinks: readonly WriteSummary[][]
  /** Whether all came to their ends; else the rest is left for a resumed run. */
  readonly complete: boolean
}

/** Drives every flow and the sink of the rejects. The first error stops them all. */
export async function drive(named: readonly NamedFlow[], driving: Driving): Promise<Driven> {
  const { state, rejects, options, checkpointer } = driving
  const stop = new AbortController()
  const closed = new AbortController()
  const suspended = Symbol('suspended')
  const stopListening = [
    whenAborted(options.signal, (reason) => {
      stop.abort(reason)
    }),
    whenAborted(options.drain, () => {
      if (!checkpointer) state.drain()
      else
        void Promise.race([checkpointer.last(), after(drainMs, closed.signal)]).then(() => {
          stop.abort(suspended)
        })
    }),
    whenAborted(stop.signal, () => {
      rejects.close()
    }),
  ]
  const ends = startEnds(named, driving, stop)
  try {
    await Promise.race([Promise.allSettled(ends), givenUp(stop.signal, closed.signal)])
    await checkpointer?.stop()
    if (stop.signal.reason === suspended) return { sinks: [], complete: false }
    stop.signal.throwIfAborted()
    return { sinks: await Promise.all(ends), complete: true }
  } finally {
    closed.abort()
    for (const end of stopListening) end()
  }
}

/** Starts to read all flows; each promise answers with the receipts among their values. */
function startEnds(
  named: readonly NamedFlow[],
  { state, rejects, options, checkpointer }: Driving,
  stop: AbortController,
): Promise<WriteSummary[]>[] {
  const { signal } = stop
  const shared: Context = { signal, columns: new Set(), run: state }
  const flowEnds = named.map(async ({ name, flow }, end) => {
    const own = { ...shared, adding: state.only !== undefined }
    const context = named.length === 1 ? own : { ...own, lane: name }
    const summaries = await readEnd(flow, context, {
      rejects: (message) => rejects.take(message, end),
      async barrier(barrier) {
        await rejects.save(barrier.states, end)
        checkpointer?.arrived(barrier, end)
      },
    })
    if (!signal.aborted) checkpointer?.ended(end)
    return summaries
  })
  const ends = [...flowEnds]
  let saved = new Deferred()
  let written: Promise<unknown> | undefined
  if (options.rejects) {
    const sink = flowOf(rejects.flow.pipe(options.rejects))
    const context = { ...shared, lane: rejectLane }
    const end = readEnd(sink, context, {
      barrier: () => {
        saved.resolve()
      },
    })
    ends.push(end)
    written = end
  }
  checkpointer?.start(state, named.length, {
    async ready(barrier) {
      state.writing = `checkpoint ${String(barrier.checkpoint)}`
      saved = new Deferred()
      await rejects.pass(barrier)
      return !written || Promise.race([saved.promise.then(() => true), never(written)])
    },
    fail(cause) {
      stop.abort(cause)
    },
  })
  for (const end of ends) {
    end.catch((error: unknown) => {
      stop.abort(error)
    })
  }
  void Promise.all(flowEnds)
    .then(() => (signal.aborted ? undefined : rejects.takeMissing()))
    .catch((error: unknown) => {
      stop.abort(error)
    })
    .finally(() => {
      rejects.close()
    })
  return ends
}

/** False, once `end` has come. */
async function never(end: Promise<unknown>): Promise<false> {
  await Promise.allSettled([end])
  return false
}

/** What is done with the messages that come to an end. */
interface EndHandlers {
  readonly rejects?: (message: Rejects) => Promise<void>
  readonly barrier: (barrier: Barrier) => void | Promise<void>
}

/** Reads a flow to its end; returns the receipts among its values. */
async function readEnd(
  flow: Flow<unknown>,
  context: Context,
  on: EndHandlers,
): Promise<WriteSummary[]> {
  const summaries: WriteSummary[] = []
  for await (const value of flow.pull(context)) {
    if (value instanceof Rejects) await on.rejects?.(value)
    else if (value instanceof Barrier) await on.barrier(value)
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

/** Settles after `ms`; does nothing once all is `closed`. */
function after(ms: number, closed: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms, undefined)
    whenAborted(closed, () => {
      clearTimeout(timer)
    })
  })
}

/** Settles some time after `stop` has aborted, in case a part does not end. */
function givenUp(stop: AbortSignal, closed: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    whenAborted(stop, () => {
      void after(closingMs, closed).then(resolve)
    })
  })
}
