import type { Flow } from '../flow/flow.ts'
import type { Doing, Slot } from '../flow/slot.ts'
import { partsOf } from './plan.ts'
import { rejectLane, type Run } from './run-state.ts'

/** What holds up a run in which no row moves. */
export interface Stall {
  /** Name of the part, numbered from the second of that name on; of a checkpoint, what is written. */
  readonly operator: string
  /** What it has been doing all the time. */
  readonly doing: Exclude<Doing, 'idle' | 'waits'> | 'commits'
  /** Seconds in which no row has moved. */
  readonly seconds: number
}

/** Time in which no row moves after which a run tells what holds it up. */
export const defaultStallMs = 60_000

/** How many times in `stallMs` it looks. */
const looks = 4

/** What a part does by itself: while it does that, those before and behind it can only wait. */
const busy: ReadonlySet<Doing> = new Set<Doing>([
  ...(['works', 'opens', 'writes', 'stages', 'finishes', 'saves'] as const),
])

/**
 * Tells which part holds up a run in which no row has moved for `stallMs`: once, and again after each
 * further `stallMs`. Of several that are at work it is the one nearest to the sinks, since the others may
 * be waiting for it. If none is at work it is the checkpoint that is being written, else a source that has been
 * asked and gives nothing; one that does not end by itself may do so, and is not named.
 */
export class Watchdog {
  readonly #run: Run
  /** By key, in the order of the plan. */
  readonly #parts: ReadonlyMap<string, Flow<unknown>>
  readonly #stallMs: number
  readonly #onStall: (stall: Stall) => void
  #moves = -1
  #movedAt = 0
  #told = 0

  constructor(
    run: Run,
    flows: readonly Flow<unknown>[],
    on: { readonly stallMs: number; readonly onStall: (stall: Stall) => void },
  ) {
    this.#run = run
    this.#parts = new Map(partsOf(flows).map((part) => [run.key(part, part.info.name), part]))
    this.#stallMs = on.stallMs
    this.#onStall = on.onStall
  }

  /** Looks now and then; returns what ends that. */
  start(): () => void {
    this.look(performance.now())
    const timer = setInterval(() => {
      this.look(performance.now())
    }, this.#stallMs / looks)
    return () => {
      clearInterval(timer)
    }
  }

  /** Looks whether a row has moved since the last look; `now` is in milliseconds. */
  look(now: number): void {
    let moves = 0
    for (const slot of this.#run.slots.values()) moves += slot.moves
    if (moves !== this.#moves) {
      this.#moves = moves
      this.#movedAt = now
      this.#told = 0
      return
    }
    const stalledMs = now - this.#movedAt
    const stalls = Math.floor(stalledMs / this.#stallMs)
    if (stalls <= this.#told) return
    this.#told = stalls
    const held = this.#heldUp()
    if (held) this.#onStall({ ...held, seconds: Math.round(stalledMs) / 1_000 })
  }

  #heldUp(): Omit<Stall, 'seconds'> | undefined {
    const slots = this.#fromSinks()
    const working = slots.find(({ doing }) => busy.has(doing))
    if (working) return named(working)
    const { writing } = this.#run
    if (writing !== undefined) return { operator: writing, doing: 'commits' }
    const asked = slots.find(({ doing, key }) => doing === 'reads' && !key.endsWith(rejectLane))
    if (asked) return this.#partOf(asked)?.info.bounded === false ? undefined : named(asked)
    const given = slots.find(({ doing }) => doing === 'given')
    if (given) return this.#readerOf(given)
    const foreign = [...this.#parts].find(([, { info }]) => info.role === 'foreign')
    return foreign && { operator: foreign[0], doing: 'works' }
  }

  /** A value that was given is with the part that reads it, which has no slot. */
  #readerOf(slot: Slot): Omit<Stall, 'seconds'> {
    const part = this.#partOf(slot)
    const reader = [...this.#parts].find(([, { info }]) => part && info.inputs?.includes(part))
    return reader ? { operator: reader[0], doing: 'works' } : named(slot)
  }

  /** Of parts that have not ended, those nearest to the sinks first. */
  #fromSinks(): readonly Slot[] {
    const order = [...this.#parts.keys()]
    function place(slot: Slot): number {
      return order.indexOf(partKey(slot))
    }
    return [...this.#run.slots.values()]
      .filter(({ ended }) => !ended)
      .sort((a, b) => place(b) - place(a))
  }

  #partOf(slot: Slot): Flow<unknown> | undefined {
    return this.#parts.get(partKey(slot))
  }
}

/** The part that a slot is of, with that of a table's readers. */
function partKey({ key }: Slot): string {
  return (key.split('@')[0] ?? key).replace(/ rows$/, '')
}

function named(slot: Slot): Omit<Stall, 'seconds'> {
  return { operator: slot.label ?? partKey(slot), doing: slot.doing as Stall['doing'] }
}

const texts: Readonly<Record<Stall['doing'], (operator: string) => string>> = {
  works: (operator) => `\`${operator}\` has rows in work and does not answer`,
  reads: (operator) => `\`${operator}\` has been asked for rows and gives none`,
  given: (operator) => `what reads \`${operator}\` does not ask for more`,
  opens: (operator) => `\`${operator}\` is opening its output`,
  writes: (operator) => `\`${operator}\` is writing`,
  stages: (operator) => `\`${operator}\` is making what it wrote durable`,
  finishes: (operator) => `\`${operator}\` is finishing its output`,
  saves: (operator) => `\`${operator}\` is saving its state`,
  commits: (what) => `writing ${what}`,
}

/** A stall, in one line. */
export function stallText({ operator, doing, seconds }: Stall): string {
  return `no row has moved for ${String(seconds < 10 ? seconds : Math.round(seconds))} s: ${texts[doing](operator)}`
}
