import { setMaxListeners } from 'node:events'
import { isMissing } from '../disk.ts'
import { Deferred } from '../flow/deferred.ts'
import type { FileRoot } from './file-root.ts'
import { unreadable } from './file-roots.ts'
import { idle, type Placed } from './picture-files.ts'
import type { Found } from './walk-files.ts'
import type { WatchSettings } from './watch-options.ts'

/** What is watched. */
export interface Watching extends WatchSettings {
  /** Where. */
  readonly roots: readonly FileRoot[]
  /** Whether a file was given before. */
  readonly seen: (file: Placed) => boolean
  /** Ends the watch. */
  readonly signal: AbortSignal
}

/** How often a bucket is listed, unless it is said. */
const bucketPollMs = 60_000

/** How soon all is listed after a folder has come: there the system may have told nothing of a file. */
const soonMs = 1000

/** Of the time at most one part in this many goes into listing what the system tells of as well. */
const parts = 20

/** A file that may still be written. */
interface Waiting {
  readonly file: Placed
  readonly mark: string
  /** When it was found to be like that. */
  readonly since: number
}

/** When all of a root is listed. */
interface List {
  /** The next time. */
  due: number
  /** From then to the time after, where the system tells: each time twice as long. */
  waitMs: number
  /** What the last one took. */
  tookMs: number
}

/**
 * The files under some roots: those that are there, and those to come, each once it has stayed as it is for
 * `settleMs`. Files that go, or have been given, are passed over.
 *
 * - Order: as they settle; what settles at the same time as a walk would find it.
 * - Memory: the files that have not settled, and what chokidar keeps of each file.
 */
export async function* watchedFiles(watching: Watching): AsyncGenerator<Placed | typeof idle> {
  const watch = new Watch(watching)
  const { signal } = watching
  try {
    await watch.start()
    while (!signal.aborted) {
      yield* watch.settled()
      yield idle
      await watch.change()
    }
  } finally {
    watch.stop()
  }
}

class Watch {
  readonly #watching: Watching
  readonly #stopping = new AbortController()
  /** By root and path. */
  readonly #waiting = new Map<string, Waiting>()
  /** Told by the system, and not looked at yet. */
  readonly #told = new Map<string, Placed>()
  #bell = new Deferred()
  #failure: { readonly error: unknown } | undefined
  /** By root. */
  readonly #lists: List[]

  constructor(watching: Watching) {
    this.#watching = watching
    this.#lists = watching.roots.map(() => ({ due: 0, waitMs: soonMs, tookMs: 0 }))
    watching.signal.addEventListener('abort', this.#ring)
    // Each root listens to it.
    setMaxListeners(0, this.#stopping.signal)
  }

  readonly #ring = (): void => {
    this.#bell.resolve()
  }

  /** Has the system tell of changes, before anything is listed. */
  async start(): Promise<void> {
    for (const [at, root] of this.#watching.roots.entries()) {
      if (!root.watch || !this.#isTold(at)) continue
      const told = {
        found: (found: Found): void => {
          this.#told.set(keyOf(at, found), placed(root, at, found))
          this.#ring()
        },
        folder: (): void => {
          this.#listSoon(at)
        },
        failed: (error: unknown): void => {
          this.#failure ??= { error }
          this.#ring()
        },
      }
      await root.watch(told, this.#stopping.signal)
    }
  }

  stop(): void {
    this.#watching.signal.removeEventListener('abort', this.#ring)
    this.#stopping.abort()
  }

  /** The files that have settled by now. */
  async *settled(): AsyncGenerator<Placed> {
    if (this.#failure) throw this.#failure.error
    for await (const file of this.#listed()) if (await this.#hasSettled(file)) yield file
    for (const [key, file] of this.#told) {
      this.#told.delete(key)
      if (!this.#watching.seen(file) && (await this.#hasSettled(file))) yield file
    }
    for (const { file, since } of this.#waiting.values())
      if (this.#isTold(file.position.root) && Date.now() - since >= this.#watching.settleMs)
        if (await this.#hasSettled(file)) yield file
  }

  /** Whether the system tells of changes under a root; else it is listed again. */
  #isTold(at: number): boolean {
    const { roots, pollMs } = this.#watching
    return roots[at]?.watch !== undefined && pollMs === undefined
  }

  /** Waits until something is told, is to be listed, or may have settled. */
  async change(): Promise<void> {
    const { settleMs, signal } = this.#watching
    const soon = [...this.#waiting.values()].flatMap(({ file, since }) =>
      this.#isTold(file.position.root) ? [since + settleMs] : [],
    )
    const next = Math.min(...soon, ...this.#lists.map(({ due }) => due))
    const timer = setTimeout(this.#ring, Math.min(2 ** 30, Math.max(1, next - Date.now())))
    if (this.#told.size === 0 && !this.#failure && !signal.aborted) await this.#bell.promise
    clearTimeout(timer)
    this.#bell = new Deferred()
  }

  /** After a folder has come, or a file of which nobody told. */
  #listSoon(at: number): void {
    const list = this.#lists[at]
    if (!list) return
    list.waitMs = soonMs
    const due = Date.now() + this.#untilNext(list)
    if (due >= list.due) return
    list.due = due
    this.#ring()
  }

  #untilNext({ waitMs, tookMs }: List): number {
    return Math.min(this.#watching.relistMs, Math.max(waitMs, tookMs * parts))
  }

  async *#listed(): AsyncGenerator<Placed> {
    const { roots, pollMs = bucketPollMs, settleMs, seen, signal } = this.#watching
    for (const [at, root] of roots.entries()) {
      const list = this.#lists[at]
      if (!list || Date.now() < list.due) continue
      const gone = new Set(this.#waitingIn(root))
      const again = list.due > 0 && this.#isTold(at)
      list.due = Infinity
      let from = Date.now()
      for await (const found of root.find(undefined, signal)) {
        if (found.path === '') throw unreadable(root.location, found.cause)
        const file = placed(root, at, found)
        const key = keyOf(at, found)
        gone.delete(key)
        if (seen(file) || isGone(found)) continue
        if (again && !this.#told.has(key) && !this.#waiting.has(key)) this.#listSoon(at)
        const before = Date.now()
        yield file
        from += Date.now() - before
      }
      list.tookMs = Date.now() - from
      for (const key of gone) this.#waiting.delete(key)
      const polled = this.#waitingIn(root).length > 0 ? Math.min(pollMs, settleMs) : pollMs
      const next = this.#isTold(at) ? this.#untilNext(list) : polled
      list.due = Math.min(list.due, Date.now() + next)
      list.waitMs = Math.min(2 ** 30, list.waitMs * 2)
    }
  }

  #waitingIn(root: FileRoot): readonly string[] {
    return [...this.#waiting].flatMap(([key, { file }]) => (file.root === root ? [key] : []))
  }

  /** Whether a file stays as it is; one that does not waits. */
  async #hasSettled(file: Placed): Promise<boolean> {
    const { settleMs } = this.#watching
    const key = keyOf(file.position.root, file.found)
    // What cannot be read is told at once, as a fault.
    if (file.found.kind !== 'file') return true
    const look = await file.root.look(file.found)
    if (!look) {
      this.#waiting.delete(key)
      return false
    }
    const now = Date.now()
    const before = this.#waiting.get(key)
    const same = before?.mark === look.mark
    const age = now - look.modified
    if (age >= settleMs || (same && now - before.since >= settleMs)) {
      this.#waiting.delete(key)
      return true
    }
    if (!same) this.#waiting.set(key, { file, mark: look.mark, since: now })
    return false
  }
}

/** A folder that went while all was listed. */
function isGone({ kind, cause }: Found): boolean {
  return kind === 'unreadable' && isMissing(cause)
}

function placed(root: FileRoot, at: number, found: Found): Placed {
  return { root, found, position: { root: at, path: found.path } }
}

function keyOf(root: number, { path }: Found): string {
  return `${String(root)}/${path}`
}
