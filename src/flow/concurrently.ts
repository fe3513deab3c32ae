import type { ChildSignal } from './child-signal.ts'
import { Barrier, Control, Rejects } from './control.ts'
import { Deferred } from './deferred.ts'
import type { Slot } from './slot.ts'

/** Most answers of one value that wait for their turn. */
const answersAhead = 4

/** What is done to each value. */
export interface Work<T, R> {
  /** What one value becomes. */
  readonly answers: (value: T) => Iterable<R | Control> | AsyncIterable<R | Control>
  /** Called at a barrier, when all values before it are answered. */
  readonly save: (barrier: Barrier) => Promise<Barrier>
  /** Aborts when no more is wanted; the work then ends. */
  readonly child: ChildSignal
  /** Where it says what it is doing. */
  readonly slot: Slot
}

/** How much is done at a time. */
export interface Concurrency {
  /** Values in work or waiting for their turn. */
  readonly concurrency: number
  /** Whether answers come out in the order of the values. */
  readonly ordered: boolean
}

/** One value at a time. */
export async function* oneByOne<T, R>(
  values: AsyncIterable<T | Control>,
  { answers, save, slot }: Work<T, R>,
): AsyncGenerator<R | Control> {
  slot.doing = 'waits'
  for await (const value of values) {
    if (value instanceof Barrier) yield await save(value)
    else if (value instanceof Control) yield value
    else {
      slot.doing = 'works'
      const made = answers(value)
      if (!(Symbol.iterator in made)) yield* marked(made, slot)
      else
        for (const answer of made) {
          slot.doing = 'given'
          yield answer
          slot.doing = 'works'
        }
    }
    slot.doing = 'waits'
  }
}

/** The answers in `made`; `slot` says whether one is being made, or is with the reader. */
export async function* marked<R>(
  made: Iterable<R> | AsyncIterable<R>,
  slot: Slot,
): AsyncGenerator<R> {
  slot.doing = 'works'
  for await (const answer of made) {
    slot.doing = 'given'
    slot.moves++
    yield answer
    slot.doing = 'works'
  }
}

/**
 * Works on several values at a time, ahead of the reader.
 *
 * - Order: the answers of one value stay together if `ordered`, else they come as they are made.
 * - Memory: `concurrency` values, each with at most 4 answers that wait.
 * - Control messages keep their place; rejects alone need not, if not `ordered`. A barrier waits for
 *   all values before it, and none after it is asked for meanwhile.
 * - On an error or an early end the work that is under way ends first.
 */
export function concurrently<T, R>(
  values: AsyncIterable<T | Control>,
  work: Work<T, R>,
  options: Concurrency,
): AsyncGenerator<R | Control> {
  return new Crew(values, work, options).outputs()
}

/** One value in work. */
interface Task<R> {
  readonly outputs: (R | Control)[]
  failure?: { readonly cause: unknown }
  done: boolean
  room: Deferred
}

class Crew<T, R> {
  readonly #values: AsyncIterator<T | Control>
  readonly #work: Work<T, R>
  readonly #options: Concurrency
  readonly #tasks: Task<R>[] = []
  readonly #busy = new Set<Promise<void>>()
  #changed = new Deferred()
  #pulling = false
  #ended = false
  #stopped = false
  /** Waits for all before it; nothing is pulled meanwhile. */
  #held: Control | undefined

  constructor(values: AsyncIterable<T | Control>, work: Work<T, R>, options: Concurrency) {
    this.#values = values[Symbol.asyncIterator]()
    this.#work = work
    this.#options = options
  }

  async *outputs(): AsyncGenerator<R | Control> {
    try {
      for (;;) {
        this.#pull()
        const task = this.#next()
        if (task) {
          for (const value of task.outputs.splice(0)) yield value
          task.room.resolve()
          if (task.done && task.outputs.length === 0) this.#finish(task)
        } else if (this.#tasks.length > 0 || this.#pulling) {
          await this.#changed.promise
          this.#changed = new Deferred()
        } else if (this.#held) yield await this.#release(this.#held)
        else if (this.#ended) return
      }
    } finally {
      this.#stopped = true
      this.#work.child.abort()
      for (const task of this.#tasks) task.room.resolve()
      await this.#values.return?.()
      await Promise.all(this.#busy)
    }
  }

  /** The task to take outputs from. */
  #next(): Task<R> | undefined {
    const ready = this.#options.ordered ? this.#tasks.slice(0, 1) : this.#tasks
    return ready.find((task) => task.done || task.outputs.length > 0)
  }

  #finish(task: Task<R>): void {
    this.#tasks.splice(this.#tasks.indexOf(task), 1)
    if (task.failure) throw task.failure.cause
  }

  async #release(control: Control): Promise<Control> {
    this.#held = undefined
    return control instanceof Barrier ? this.#work.save(control) : control
  }

  #pull(): void {
    const full = this.#tasks.length >= this.#options.concurrency
    if (full || this.#ended || this.#stopped || this.#pulling || this.#held) return
    this.#pulling = true
    void this.#values.next().then(
      (result) => {
        this.#pulling = false
        if (result.done) this.#ended = true
        else this.#accept(result.value)
        this.#pull()
        this.#changed.resolve()
      },
      (cause: unknown) => {
        this.#pulling = false
        this.#ended = true
        this.#tasks.push({ outputs: [], failure: { cause }, done: true, room: new Deferred() })
        this.#changed.resolve()
      },
    )
  }

  #accept(value: T | Control): void {
    if (value instanceof Control) {
      const keepsPlace = this.#options.ordered || value instanceof Rejects
      if (value instanceof Barrier || !keepsPlace) this.#held = value
      else this.#tasks.push({ outputs: [value], done: true, room: new Deferred() })
      return
    }
    if (this.#stopped) return
    const task: Task<R> = { outputs: [], done: false, room: new Deferred() }
    this.#tasks.push(task)
    this.#mark()
    const working = this.#run(value, task).then(() => {
      this.#busy.delete(working)
      task.done = true
      this.#mark()
      this.#changed.resolve()
    })
    this.#busy.add(working)
  }

  #mark(): void {
    this.#work.slot.doing = this.#tasks.some(({ done }) => !done) ? 'works' : 'waits'
  }

  async #run(value: T, task: Task<R>): Promise<void> {
    try {
      for await (const output of this.#work.answers(value)) {
        task.outputs.push(output)
        this.#work.slot.moves++
        this.#changed.resolve()
        if (task.outputs.length >= answersAhead) {
          task.room = new Deferred()
          await task.room.promise
        }
        if (this.#stopped) return
      }
    } catch (cause) {
      task.failure = { cause }
    }
  }
}
