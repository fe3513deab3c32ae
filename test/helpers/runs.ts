import { tmpdir } from 'node:os'
import type { Control } from '../../src/flow/control.ts'
import type { Flow } from '../../src/flow/flow.ts'
import type { Counts, Saved } from '../../src/flow/saved.ts'
import { Run } from '../../src/run/run-state.ts'

const noCounts = { rowsIn: 0, rowsKept: 0, rejected: 0, dropped: 0 }

/** What a checkpoint would have of a slot whose state is `state`. */
export function saved(state: unknown): Saved {
  return { counts: noCounts, ended: false, state }
}

/** A run that goes on from `states`, by slot, and spills into `folder`. */
export function runFrom(states: ReadonlyMap<string, Saved>, folder = tmpdir()): Run {
  return new Run({}, {}, { id: 'test', folder, restored: structuredClone(states) })
}

/** The counters of a run, by slot. */
export function countsOf(run: Run): Record<string, Counts> {
  return Object.fromEntries([...run.slots].map(([key, { counts }]) => [key, counts]))
}

/** All that comes out of `flow` in `run`. */
export async function pulled<T>(flow: Flow<T>, run: Run): Promise<(T | Control)[]> {
  const out: (T | Control)[] = []
  const { signal } = new AbortController()
  for await (const value of flow.pull({ signal, run })) out.push(value)
  return out
}
