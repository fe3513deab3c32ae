import { setTimeout as passed } from 'node:timers/promises'
import type { Context } from '../flow/context.ts'
import { Barrier, type Control } from '../flow/control.ts'
import { Deferred } from '../flow/deferred.ts'
import type { Run } from '../run/run-state.ts'
import type { StoredTable } from './stored-table.ts'

type MakeTable = (context: Context) => AsyncGenerator<Control, StoredTable>

/** A table in the making, or made, for all its readers in a run. */
interface Shared {
  /** The newest that has passed, for readers that come to it later. */
  barrier?: Barrier
  /** Readers that wait for it. */
  readonly waiting: Waiting[]
  result?: { readonly table: StoredTable } | { readonly cause: unknown } | 'left'
  bell: Deferred
}

/** How long the readers of a table whose maker ended early wait for the run to stop, with the error that ended it. */
const causeMs = 10_000

/** A reader that waits for a table, and is handed one of its own when it is made. */
interface Waiting {
  readonly signal: AbortSignal
  table?: StoredTable
}

/**
 * Makes a table once for all who read it in a run: the first reader makes it, the others wait. Rejects go to
 * the first alone, barriers to all. It has the heavy columns that anything behind `part` in the run's plan reads.
 */
export function sharedTable(part: object, make: MakeTable): MakeTable {
  const made = new WeakMap<Run, Shared>()
  return async function* (context) {
    const { run } = context
    if (!run) return yield* make(context)
    const known = made.get(run)
    if (known && !isGone(known)) return yield* awaited(known, run, context.signal)
    const shared: Shared = { waiting: [], bell: new Deferred() }
    made.set(run, shared)
    const making = make(forAll(context, run.wanted.get(part)))
    try {
      for (;;) {
        const { done, value } = await making.next()
        if (done) {
          shared.result = { table: value }
          for (const waiting of shared.waiting) waiting.table = value.another(waiting.signal)
          return value
        }
        if (value instanceof Barrier) shared.barrier = value
        ring(shared)
        yield value
      }
    } catch (cause) {
      if (!context.signal.aborted) shared.result = { cause }
      throw cause
    } finally {
      shared.result ??= 'left'
      ring(shared)
      await making.return(undefined as never)
    }
  }
}

/** The context for what all readers share: in no lane, with the columns that any of them wants. */
function forAll(
  { signal, run, columns }: Context,
  wanted: ReadonlySet<string> | undefined,
): Context {
  return {
    signal,
    ...(run && { run }),
    ...(columns && { columns: new Set([...columns, ...(wanted ?? [])]) }),
  }
}

/** Wakes the readers that wait, and lets them wait again. */
function ring(shared: Shared): void {
  const { bell } = shared
  shared.bell = new Deferred()
  bell.resolve()
}

/** All its readers have closed it, or making it failed: a reader that comes later makes it again. */
function isGone({ result }: Shared): boolean {
  return result !== undefined && (!hasTable(result) || result.table.closed)
}

function hasTable(result: Shared['result']): result is { readonly table: StoredTable } {
  return typeof result === 'object' && 'table' in result
}

async function* awaited(
  shared: Shared,
  run: Run,
  signal: AbortSignal,
): AsyncGenerator<Control, StoredTable> {
  const made = shared.result
  if (hasTable(made)) return made.table.another(signal)
  const waiting: Waiting = { signal }
  shared.waiting.push(waiting)
  for (let passed: Barrier | undefined; ;) {
    const { barrier, result } = shared
    if (barrier && barrier !== passed && barrier === run.barrier) {
      yield barrier
      passed = barrier
      continue
    }
    if (waiting.table) return waiting.table
    if (result === 'left') throw await whyLeft(signal)
    if (result && 'cause' in result) throw result.cause
    await shared.bell.promise
  }
}

/** What made the maker end stops the run, and is what the user has to see: that comes first. */
async function whyLeft(signal: AbortSignal): Promise<unknown> {
  await passed(causeMs, undefined, { signal }).catch(() => undefined)
  if (signal.aborted) return signal.reason
  return new Error('Expected a table, got a reader that ended early')
}
