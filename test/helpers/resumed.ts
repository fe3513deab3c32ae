import { RecordBatch } from 'apache-arrow'
import { Barrier, Rejects } from '../../src/flow/control.ts'
import type { Flow } from '../../src/flow/flow.ts'
import { Run } from '../../src/run/run-state.ts'
import { runFrom, saved } from './runs.ts'

/** Ids of the rows and of the rejects of a source. */
export interface Came {
  readonly rows: readonly unknown[]
  readonly rejects: readonly string[]
}

/** What comes out of `flow`. */
export async function came(flow: Flow<RecordBatch>): Promise<Came> {
  return read(flow, new Run(), () => false)
}

/**
 * What comes out of the source `flow`, called `name`, if it is stopped at a checkpoint after `values` values and
 * another, made anew, goes on from there; undefined if it has not as many.
 */
export async function cameInTwo(
  flow: () => Flow<RecordBatch>,
  name: string,
  values: number,
): Promise<Came | undefined> {
  const run = new Run()
  const barrier = new Barrier(1)
  let count = 0
  const before = await read(flow(), run, (value) => {
    if (value === barrier) return true
    if (++count === values) run.request(barrier)
    return false
  })
  if (count < values) return undefined
  const position = structuredClone(barrier.states.get(name)?.state)
  const after = await read(flow(), runFrom(new Map([[name, saved(position)]])), () => false)
  return {
    rows: [...before.rows, ...after.rows],
    rejects: [...before.rejects, ...after.rejects],
  }
}

async function read(
  flow: Flow<RecordBatch>,
  run: Run,
  stop: (value: unknown) => boolean,
): Promise<Came> {
  const rows: unknown[] = []
  const rejects: string[] = []
  const { signal } = new AbortController()
  for await (const value of flow.pull({ signal, run })) {
    if (value instanceof Rejects) rejects.push(...value.rows.map(({ id }) => id))
    else if (value instanceof RecordBatch) rows.push(...(value.getChild('id') ?? []))
    if (stop(value)) break
  }
  return { rows, rejects }
}
