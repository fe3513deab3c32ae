import { type Counts, noCounts } from '../flow/saved.ts'
import type { Flow } from '../flow/flow.ts'
import { partsOf } from './plan.ts'
import { rejectLane, type Run } from './run-state.ts'
import type { WriteSummary } from '../flow/sink.ts'

/** What one part of a run did: rowsIn = rowsKept + rejected + dropped. */
export interface OperatorSummary extends Counts {
  /** Name, numbered from the second of that name on. */
  readonly name: string
}

/** Reads the counters of a run, and checks that they add up. */
export class Tally {
  readonly #run: Run
  readonly #parts: readonly Flow<unknown>[]
  /** Per source: its own key and those of its readers. */
  readonly #sources: readonly { readonly key: string; readonly readers: readonly string[] }[]

  /** Numbers the parts of `flows` in the order of the plan: inputs before what reads them. */
  constructor(run: Run, flows: readonly Flow<unknown>[]) {
    this.#run = run
    this.#parts = partsOf(flows)
    for (const part of this.#parts) this.#key(part)
    this.#sources = this.#parts
      .filter((part) => part.info.role === 'source')
      .map((part) => ({
        key: this.#key(part),
        readers: this.#parts
          .filter((reader) => reader.info.inputs?.includes(part))
          .map((reader) => this.#key(reader)),
      }))
  }

  /** Rows that the sources have given so far; of a source that does not count, those its reader counted. */
  rowsRead(): number {
    const counts = this.#counts()
    return this.#sources.reduce((rows, { key, readers }) => {
      const read = [key, ...readers].map((name) => counts.get(name)?.rowsIn ?? 0)
      return rows + (read.find((n) => n > 0) ?? 0)
    }, 0)
  }

  /** What each part did, in the order of the plan; what one was read for several times is summed. */
  operators(): readonly OperatorSummary[] {
    const order = this.#parts.map((part) => this.#key(part))
    const all = this.#counts()
    const others = [...all].flatMap(([name, { rowsIn }]) => (rowsIn > 0 ? [name] : []))
    return [...new Set([...order, ...others])].flatMap((name) => {
      const counts = all.get(name)
      return counts ? [{ name, ...counts }] : []
    })
  }

  /**
   * Throws if a run that has ended does not add up: a part whose rows do not, rejects that did not
   * arrive at an end, or rows that a sink took and did not write.
   */
  verify(rejects: number, sinks: readonly WriteSummary[]): void {
    let rejected = 0
    for (const { key, counts, ended } of this.#run.slots.values()) {
      const { rowsIn } = counts
      // How many rows an expanding operator kept is known at its end.
      const out = (ended ? counts.rowsKept : 0) + counts.rejected + counts.dropped
      if (ended ? out !== rowsIn || counts.dropped < 0 : out > rowsIn)
        throw lost(`${key} to account for ${String(rowsIn)} rows`, out)
      if (ended) rejected += counts.rejected
    }
    if (rejects < rejected)
      throw lost(`${String(rejected)} rejects to arrive at the ends of the run`, rejects)
    const all = this.#counts()
    const keys = this.#parts.filter((part) => part.info.role === 'sink').map((p) => this.#key(p))
    const taken = keys.reduce((sum, key) => sum + (all.get(key)?.rowsIn ?? 0), 0)
    const written = sinks.reduce((sum, sink) => sum + sink.rows, 0)
    if (sinks.length === keys.length && taken !== written)
      throw lost(`the sinks to write ${String(taken)} rows`, written)
  }

  /** By the key of the part, summed over its lanes, without the sink of the rejects. */
  #counts(): Map<string, Counts> {
    const all = new Map<string, Counts>()
    for (const { key, counts } of this.#run.slots.values()) {
      const [part = key, lane] = key.split('@')
      if (lane === rejectLane) continue
      const sum = all.get(part) ?? { ...noCounts }
      sum.rowsIn += counts.rowsIn
      sum.rowsKept += counts.rowsKept
      sum.rejected += counts.rejected
      sum.dropped += counts.dropped
      all.set(part, sum)
    }
    return all
  }

  #key(part: Flow<unknown>): string {
    return this.#run.key(part, part.info.name)
  }
}

function lost(what: string, got: number): Error {
  return new Error(`Expected ${what}, got ${String(got)}: rows were lost or counted twice`)
}
