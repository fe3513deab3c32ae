import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Disk, nodeDisk } from '../disk.ts'
import type { Barrier } from '../flow/control.ts'
import { type MemoryHolder, memoryRange } from '../flow/memory.ts'
import type { Saved } from '../flow/saved.ts'
import { Slot } from '../flow/slot.ts'
import type { FolderMove } from './manifest.ts'
import { Selection } from './selection.ts'

export type { Counts } from '../flow/saved.ts'

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
   * Folder under which the run spills; with a checkpoint it spills there.
   *
   * @default the system's temporary folder
   */
  readonly spillDir?: string
  /**
   * Most bytes in the windows of all parts together: a number, or a size such as `512MB`. Also bounds the
   * worker threads, to one per 100 MB.
   *
   * @default each part has its own default
   */
  readonly memory?: number | string
  /**
   * Does some rows again, by their ids, with how often each has been tried: sources leave out the
   * others, sinks into files add to what is there, and an id that does not come is a reject, `MISSING`.
   *
   * @default all rows, into new files
   */
  readonly only?: ReadonlyMap<string, number>
  /**
   * The file system that outputs, rejects and checkpoints are written to.
   *
   * @default the machine's own
   */
  readonly disk?: Disk
}

/** What a run with checkpoints keeps from one process to the next. */
export interface Durable {
  /** Identifies the run in temporary names beside its outputs. */
  readonly id: string
  /** Folder for what it spills. */
  readonly folder: string
  /** State by slot, of the checkpoint to go on from. */
  readonly restored?: ReadonlyMap<string, Saved>
  /** Folders that the run publishes at its end, as that checkpoint has them. */
  readonly folders?: readonly FolderMove[]
}

/** What the plan of a run says of its parts. */
export interface PlanFacts {
  /** Heavy columns that are read behind each part. */
  readonly wanted?: ReadonlyMap<object, ReadonlySet<string>>
  /** How often each part is read. */
  readonly readings?: ReadonlyMap<object, number>
}

/** Lane of the rejects and their sink; no flow of a job can have that name. */
export const rejectLane = '(rejects)'

/** What a part leaves for the end of the run. */
export interface Publication {
  /** Makes its output visible. Idempotent. */
  readonly publish: () => void | Promise<void>
  /** Instead of it: removes the output, unless a checkpoint may need it. */
  readonly abort: (keep: boolean) => void | Promise<void>
}

/** What the parts of one run share: slots, a folder for spills, the barrier that is due, and what is published at the end. */
export class Run {
  readonly seed: number
  readonly threads: number | undefined
  readonly disk: Disk
  /** Identifies the run in temporary names. */
  readonly id: string
  /** Whether what it has written under temporary names must stay when it fails: a checkpoint may need it. */
  readonly durable: boolean
  /** By key, in the order in which they were first read. */
  readonly slots = new Map<string, Slot>()
  /** Heavy columns that are read behind each part of the plan. */
  readonly wanted: ReadonlyMap<object, ReadonlySet<string>>
  /** How often each part of the plan is read. */
  readonly readings: ReadonlyMap<object, number>
  /** By the name that each will have. */
  readonly folders = new Map<string, FolderMove>()
  readonly publications: Publication[] = []
  /** The rows that it does again; undefined if it does all. */
  readonly only: Selection | undefined
  /** What is written for the run itself: a checkpoint, or its outputs under their names. */
  writing: string | undefined
  readonly #windows: ReadonlyMap<object, number> | undefined
  readonly #spillDir: string
  readonly #checkpoint: Durable | undefined
  /** By lane, by part. */
  readonly #keys = new Map<string, Map<object, string>>()
  readonly #names = new Map<string, number>()
  #folder: Promise<string> | undefined
  #due: Barrier | undefined
  #requested = new Set<() => void>()
  #draining = false
  readonly #end = new AbortController()

  constructor(
    settings: RunSettings = {},
    { wanted = new Map(), readings = new Map() }: PlanFacts = {},
    checkpoint?: Durable,
    windows?: ReadonlyMap<object, number>,
  ) {
    this.#windows = windows
    this.wanted = wanted
    this.readings = readings
    this.seed = settings.seed ?? 0
    this.threads = settings.threads
    this.only = settings.only && new Selection(settings.only)
    this.disk = settings.disk ?? nodeDisk
    this.id = checkpoint?.id ?? randomBytes(6).toString('hex')
    this.durable = checkpoint !== undefined
    this.#spillDir = settings.spillDir ?? tmpdir()
    this.#checkpoint = checkpoint
    for (const move of checkpoint?.folders ?? []) this.folders.set(move.to, move)
    // Parts that had ended are not read again, and still count.
    for (const key of checkpoint?.restored?.keys() ?? [])
      if (!key.startsWith(`${rejectLane}@`)) this.#make(key)
  }

  /** The key of a part of the plan: its name, numbered from the second of that name on. Called for all of them first, in its order. */
  key(part: object, name: string): string {
    return this.#numbered(part, name, '')
  }

  /** The slot of `part` in `lane`, made on first use. A part that is not in the plan is numbered within its lane. */
  slot(part: object, name: string, lane = ''): Slot {
    const partKey = this.#keys.get('')?.get(part) ?? this.#numbered(part, name, lane)
    const key = lane === '' ? partKey : `${partKey}@${lane}`
    return this.slots.get(key) ?? this.#make(key)
  }

  /** What the checkpoint to go on from has under `key`. */
  restored(key: string): Saved | undefined {
    return this.#checkpoint?.restored?.get(key)
  }

  /** Bytes that a part may hold; one that is not in the plan makes do with its least where there is a budget. */
  memoryOf(part: MemoryHolder): number {
    const { least, most } = memoryRange(part.info.memoryBytes)
    return this.#windows ? (this.#windows.get(part) ?? least) : most
  }

  /** The run's folder for spills, made on first use. Without a checkpoint {@link Run.close} removes it. */
  folder(): Promise<string> {
    return (this.#folder ??= this.#checkpoint
      ? Promise.resolve(this.#checkpoint.folder)
      : mkdtemp(join(this.#spillDir, 'millrace-')))
  }

  /** The barrier that is on its way; a source sends it down once, with its position. */
  get barrier(): Barrier | undefined {
    return this.#due
  }

  /** Asks every source for `barrier`. */
  request(barrier: Barrier): void {
    this.#due = barrier
    for (const wake of this.#requested) wake()
  }

  /** Notes that `barrier` is committed: a source that is opened later does not send it. */
  settle(barrier: Barrier): void {
    if (this.#due === barrier) this.#due = undefined
    this.writing = undefined
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

  /** Leaves what is to be made visible when the run has ended well. */
  onPublish(publication: Publication): void {
    this.publications.push(publication)
  }

  /** Has the folder `from`, which is whole and durable, renamed to `to` when the run has ended well. */
  publishFolder(move: FolderMove): void {
    this.folders.set(move.to, move)
  }

  /** Aborts when the run has ended, for what works on behalf of readers that may not come. */
  get ended(): AbortSignal {
    return this.#end.signal
  }

  /** Ends it, and removes what it spilled, unless a checkpoint needs it. */
  async close(): Promise<void> {
    this.#end.abort()
    if (this.#folder && !this.durable)
      await rm(await this.#folder, { recursive: true, force: true })
  }

  #numbered(part: object, name: string, lane: string): string {
    const keys = this.#keys.get(lane) ?? new Map<object, string>()
    this.#keys.set(lane, keys)
    const known = keys.get(part)
    if (known !== undefined) return known
    const numbered = `${name}@${lane}`
    const count = (this.#names.get(numbered) ?? 0) + 1
    this.#names.set(numbered, count)
    const key = count === 1 ? name : `${name}#${String(count)}`
    keys.set(part, key)
    return key
  }

  #make(key: string): Slot {
    const slot = new Slot(key, this.restored(key))
    this.slots.set(key, slot)
    return slot
  }
}
