import type { Barrier } from './control.ts'
import { type Counts, noCounts, type Saved } from './saved.ts'

/**
 * What a part is doing: nothing (`idle`), waiting for its input, working on a value, reading (a source that has
 * been asked), waiting until its reader has taken what it has `given`, opening, writing, staging or finishing an
 * output, or saving its state.
 */
export type Doing =
  | 'idle'
  | 'waits'
  | 'works'
  | 'reads'
  | 'given'
  | 'opens'
  | 'writes'
  | 'stages'
  | 'finishes'
  | 'saves'

/**
 * The place of a part that is being read: its counters, and its share of each checkpoint. A part
 * that is read in several lanes of a run has a slot in each.
 */
export class Slot {
  /** Unique in the run, and the same when it is resumed. */
  readonly key: string
  /** Rows so far. */
  readonly counts: Counts
  /** What the checkpoint to go on from has of it. */
  readonly saved: Saved | undefined
  /** What the part is doing now: set where it changes, read by the watchdog. */
  doing: Doing = 'idle'
  /** Grows whenever something moves in the part. */
  moves = 0
  /** What it is called, if it works as one with others. */
  label: string | undefined
  #end: Saved | undefined

  constructor(key: string, saved?: Saved) {
    this.key = key
    this.saved = saved
    this.counts = { ...(saved?.counts ?? noCounts) }
    this.#end = saved?.ended ? saved : undefined
  }

  /** The state to go on from; undefined from the start. */
  get state(): unknown {
    return this.saved?.state
  }

  /** Whether the part had ended by the checkpoint to go on from: it reads nothing any more. */
  get over(): boolean {
    return this.saved?.ended ?? false
  }

  /** Whether the part has ended by itself. */
  get ended(): Saved | undefined {
    return this.#end
  }

  /** As it is now, of a part whose reader ended before it did: it will not be read again. */
  get now(): Saved {
    return { counts: { ...this.counts }, ended: false, state: this.state }
  }

  /** Puts a copy of `state` and the counters into `barrier`, which is passing. */
  save(barrier: Barrier, state?: unknown): void {
    barrier.states.set(this.key, structuredClone({ counts: this.counts, ended: false, state }))
  }

  /** Notes that the part has ended by itself; later checkpoints say so. */
  end(state?: unknown): void {
    this.#end = structuredClone({ counts: this.counts, ended: true, state })
  }
}
