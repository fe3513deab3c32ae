import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Barrier } from '../flow/control.ts'

/** Rows that an operator has seen: rowsIn = rowsKept + rejected + dropped. */
export interface Counts {
  /** Rows that came in. */
  rowsIn: number
  /** Rows of the input that went on (an expanding operator counts by source row). */
  rowsKept: number
  /** Rows that became rejects. */
  rejected: number
  /** Rows left out on purpose. */
  dropped: number
}

/** Settings of a run. */
export interface RunSettings {
  /**
   * Seed for whatever is random.
   *
   * @default 0
   */
  readonly seed?: number
  /**
   * Worker threads for pictures and arithmetic.
   *
   * @default the number of cores
   */
  readonly threads?: number
  /**
   * Folder under which the run spills.
   *
   * @default the system's temporary folder
   */
  readonly spillDir?: string
  /** State by key, of the checkpoint to go on from. */
  readonly restored?: ReadonlyMap<string, unknown>
}

/** What the parts of one run share: counters, a folder for spills, and the barrier that is due. */
export class Run {
  readonly seed: number
  readonly threads: number | undefined
  /** Counts by operator key, in the order in which the operators started. */
  readonly counts = new Map<string, Counts>()
  /** Keys of the operators that read their input to its end: their counts add up. */
  readonly settled = new Set<string>()
  /** Heavy columns that are read behind each part of the plan. */
  readonly wanted: ReadonlyMap<object, ReadonlySet<string>>
  readonly #spillDir: string
  readonly #restored: ReadonlyMap<string, unknown>
  readonly #keys = new Map<object, string>()
  readonly #names = new Map<string, number>()
  #folder: Promise<string> | undefined
  #due: Barrier | undefined
  #requested = new Set<() => void>()
  #draining = false

  constructor(
    settings: RunSettings = {},
    wanted: ReadonlyMap<object, ReadonlySet<string>> = new Map(),
  ) {
    this.wanted = wanted
    this.seed = settings.seed ?? 0
    this.threads = settings.threads
    this.#spillDir = settings.spillDir ?? tmpdir()
    this.#restored = settings.restored ?? new Map()
  }

  /** The key of a part of the plan: its name, numbered from the second of that name on. Stable for a given plan. */
  key(part: object, name: string): string {
    const known = this.#keys.get(part)
    if (known !== undefined) return known
    const count = (this.#names.get(name) ?? 0) + 1
    this.#names.set(name, count)
    const key = count === 1 ? name : `${name}#${String(count)}`
    this.#keys.set(part, key)
    return key
  }

  /** The counts of an operator, made on first use. */
  count(key: string): Counts {
    let counts = this.counts.get(key)
    if (!counts) {
      counts = { rowsIn: 0, rowsKept: 0, rejected: 0, dropped: 0 }
      this.counts.set(key, counts)
    }
    return counts
  }

  /** The state that the part with this key had at the checkpoint to go on from. */
  restored(key: string): unknown {
    return this.#restored.get(key)
  }

  /** The run's folder for spills, made on first use and removed by {@link Run.close}. */
  folder(): Promise<string> {
    return (this.#folder ??= mkdtemp(join(this.#spillDir, 'millrace-')))
  }

  /** The newest barrier asked for; a source sends it down once, with its position. */
  get barrier(): Barrier | undefined {
    return this.#due
  }

  /** Asks every source for `barrier`. */
  request(barrier: Barrier): void {
    this.#due = barrier
    for (const wake of this.#requested) wake()
  }

  /** Whether sources are to end early: what they have given goes on to the sinks. */
  get draining(): boolean {
    return this.#draining
  }

  /** Asks every source to end. */
  drain(): void {
    this.#draining = true
    for (const wake of this.#requested) wake()
  }

  /** Calls `wake` at each request, for a source that is idle; returns what stops that. */
  onRequest(wake: () => void): () => void {
    this.#requested.add(wake)
    return () => this.#requested.delete(wake)
  }

  /** Removes what the run spilled. */
  async close(): Promise<void> {
    if (this.#folder) await rm(await this.#folder, { recursive: true, force: true })
  }
}
