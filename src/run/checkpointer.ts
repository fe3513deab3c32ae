import type { Disk } from '../disk.ts'
import { Barrier } from '../flow/control.ts'
import { Deferred } from '../flow/deferred.ts'
import type { Flow } from '../flow/flow.ts'
import type { Saved } from '../flow/saved.ts'
import { refuseChange, unfinished } from './refusals.ts'
import type { CheckpointMirror } from './checkpoint-mirror.ts'
import type { Checkpoint, CheckpointStore } from './checkpoint-store.ts'
import { openCheckpoints } from './open-checkpoints.ts'
import type { StoredPlanPart } from './manifest.ts'
import { planRecord } from './plan-record.ts'
import type { Durable, Run } from './run-state.ts'

/** How a run keeps checkpoints. */
export interface CheckpointOptions {
  /** Folder for them, or `s3://bucket/prefix`; one run at a time. */
  readonly folder: string
  /**
   * Time from one checkpoint to the next; longer if taking one takes more than a fifth of it.
   *
   * @default 30_000
   */
  readonly everyMs?: number
  /**
   * Whether to go on from the newest checkpoint in the folder. One that is not wanted any more is
   * removed with its folder.
   *
   * @default false: a folder with an unfinished run is refused
   */
  readonly resume?: boolean
}

/** What became of a run's checkpoints. */
export interface CheckpointSummary {
  /** Id of the run: the same when it is resumed. */
  readonly run: string
  /** Number of the newest. */
  readonly number: number
  /** Number of the one that the run was resumed from. */
  readonly resumedFrom?: number
  /** Whether nothing is left to resume. */
  readonly complete: boolean
}

/** The next checkpoint is begun when so many times as long as the last one took have passed. */
const restPerCheckpoint = 4

/** What a checkpointer needs to know of its run. */
export interface CheckpointedPlan {
  /** The flows of the job. */
  readonly flows: readonly Flow<unknown>[]
  /** Seed of the run. */
  readonly seed: number
  /** Where it writes. */
  readonly disk: Disk
  /** Tells the user something, in one line. */
  readonly note: (line: string) => void
}

/** Takes the checkpoints of a run: asks for a barrier now and then, and commits what it gathered when all ends have seen it. */
export class Checkpointer {
  /** What the run goes on from. */
  readonly durable: Durable
  /** The checkpoint that the run goes on from; undefined from the start. */
  readonly from: Checkpoint | undefined
  /** Number of the newest checkpoint in place. */
  newest: number
  readonly #store: CheckpointStore
  readonly #mirror: CheckpointMirror | undefined
  readonly #everyMs: number
  readonly #plan: readonly StoredPlanPart[]
  readonly #seed: number
  #run: Run | undefined
  #fail: (cause: unknown) => void = () => undefined
  #ready: (barrier: Barrier) => Promise<boolean> = () => Promise.resolve(true)
  /** Ends that have neither ended nor seen the barrier that is on its way. */
  #awaited = new Set<number>()
  #open = new Set<number>()
  #barrier: Barrier | undefined
  #number: number
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #last: Deferred | undefined
  #inCommit = false
  #committing: Promise<void> = Promise.resolve()

  private constructor(
    store: CheckpointStore,
    from: Checkpoint | undefined,
    about: {
      readonly mirror: CheckpointMirror | undefined
      readonly everyMs: number
      readonly plan: readonly StoredPlanPart[]
      readonly seed: number
    },
  ) {
    this.#store = store
    this.#mirror = about.mirror
    this.from = from
    this.#everyMs = about.everyMs
    this.#plan = about.plan
    this.#seed = about.seed
    this.newest = this.#number = from?.number ?? 0
    this.durable = {
      id: store.runId,
      folder: store.runFolder,
      ...(from && {
        restored: from.states as ReadonlyMap<string, Saved>,
        folders: from.publications,
      }),
    }
  }

  /**
   * Opens the folder of the checkpoints, for a new run or to go on.
   *
   * @throws {OptionError} if it has an unfinished run and `resume` is not given, or a run of another plan
   * @throws {ConnectorError} if the folder cannot be used, or is in use
   * @throws {DataError} if all checkpoints in it are damaged
   */
  static async open(options: CheckpointOptions, about: CheckpointedPlan): Promise<Checkpointer> {
    const { folder, everyMs = 30_000, resume = false } = options
    const { flows, seed, disk, note } = about
    const plan = planRecord(flows)
    const { store, mirror } = await openCheckpoints(folder, { disk, note })
    try {
      const newest = await store.newest()
      const begun = newest !== undefined && newest.status !== 'published'
      if (begun && !resume) throw unfinished(folder, newest)
      const from = resume ? newest : undefined
      if (from) refuseChange(from, { plan, seed, folder })
      else if (newest) {
        await store.clear()
        await mirror?.clear()
      }
      await mirror?.begin()
      return new Checkpointer(store, from, { mirror, everyMs, plan, seed })
    } catch (error) {
      await store.close()
      await mirror?.close()
      throw error
    }
  }

  /**
   * Begins to take checkpoints of a run with `ends` ends. `ready` is called when a barrier has
   * come through all of them, and says whether it may be committed; `fail` is called when a checkpoint
   * cannot be written.
   */
  start(
    run: Run,
    ends: number,
    on: { ready: (barrier: Barrier) => Promise<boolean>; fail: (cause: unknown) => void },
  ): void {
    this.#run = run
    this.#ready = on.ready
    this.#fail = on.fail
    for (let end = 0; end < ends; end++) this.#open.add(end)
    if (this.#last) this.#request()
    else this.#schedule(this.#everyMs)
  }

  /** Notes that `barrier` has come to an end. */
  arrived(barrier: Barrier, end: number): void {
    if (barrier !== this.#barrier) return
    this.#awaited.delete(end)
    this.#commitIfThere()
  }

  /** Notes that an end has come to its own end. */
  ended(end: number): void {
    this.#open.delete(end)
    this.#awaited.delete(end)
    this.#commitIfThere()
  }

  /** Takes one checkpoint more, behind which the sources stop; settles when it is in place, or all ends have ended. */
  last(): Promise<void> {
    this.#last ??= new Deferred()
    // Behind one that is on its way, or being committed, it is requested when that is in place.
    if (!this.#barrier && !this.#inCommit) this.#request()
    return this.#last.promise
  }

  /** Takes no more checkpoints. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#committing.catch(() => undefined)
  }

  /**
   * Puts the last checkpoint of a run in place: everything is written, nothing of it published
   * (`complete`, with the states of what is no part), or all (`published`).
   */
  async finish(
    status: 'complete' | 'published',
    summary: unknown,
    others: ReadonlyMap<string, Saved> = new Map(),
  ): Promise<void> {
    const states = status === 'complete' ? this.#statesOf(others) : others
    await this.#commit({ number: ++this.#number, status, states, summary })
  }

  /** What there is to say of a run that ends now. */
  summary(complete: boolean): CheckpointSummary {
    const { newest: number, from } = this
    const { id: run } = this.durable
    return { run, number, complete, ...(from && { resumedFrom: from.number }) }
  }

  /** Lets go of the folder. */
  async close(): Promise<void> {
    await this.stop()
    await this.#store.close()
    await this.#mirror?.close()
  }

  #schedule(afterMs: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#request()
    }, afterMs)
  }

  #request(): void {
    clearTimeout(this.#timer)
    if (this.#stopped || !this.#run) return
    if (this.#open.size === 0) {
      this.#last?.resolve()
      return
    }
    const number = ++this.#number
    this.#barrier = new Barrier(number, { last: this.#last !== undefined })
    this.#awaited = new Set(this.#open)
    this.#run.request(this.#barrier)
  }

  #commitIfThere(): void {
    const barrier = this.#barrier
    if (!barrier || this.#awaited.size > 0) return
    this.#barrier = undefined
    this.#inCommit = true
    this.#committing = this.#commitBarrier(barrier).catch((cause: unknown) => {
      this.#stopped = true
      this.#fail(cause)
    })
  }

  async #commitBarrier(barrier: Barrier): Promise<void> {
    const began = performance.now()
    if (!(await this.#ready(barrier))) {
      this.#last?.resolve()
      return
    }
    const states = this.#statesOf(barrier.states)
    await this.#commit({ number: barrier.checkpoint, status: 'running', states })
    await barrier.committed()
    this.#run?.settle(barrier)
    this.#inCommit = false
    if (this.#last && !barrier.last) this.#request()
    else if (barrier.last) this.#last?.resolve()
    else {
      const took = performance.now() - began
      this.#schedule(Math.max(this.#everyMs - took, restPerCheckpoint * took))
    }
  }

  /** What the barrier gathered, and of the parts that it did not pass how they ended, or were left by their readers. */
  #statesOf(gathered: ReadonlyMap<string, Saved>): Map<string, Saved> {
    const states = new Map<string, Saved>()
    for (const slot of this.#run?.slots.values() ?? []) states.set(slot.key, slot.ended ?? slot.now)
    for (const [key, saved] of gathered) states.set(key, saved)
    return states
  }

  async #commit(about: Omit<Checkpoint, 'plan' | 'seed' | 'publications'>): Promise<void> {
    const publications = [...(this.#run?.folders.values() ?? [])]
    await this.#store.commit({ plan: this.#plan, seed: this.#seed, publications, ...about })
    await this.#mirror?.commit(about.number, { last: about.status === 'published' })
    this.newest = about.number
  }
}
