import { Random } from '../../src/kernels/random.ts'

/** How driven work ended. */
export type Outcome<T> =
  | { readonly type: 'done'; readonly value: T }
  | { readonly type: 'failed'; readonly error: unknown }
  /** It ran out of steps: from here on nothing of it happens. */
  | { readonly type: 'stopped' }
  /** It waits for something that will not come. */
  | { readonly type: 'stalled' }

interface Timer {
  readonly act: () => void
  atMs: number
  readonly everyMs: number | undefined
}

/** Timers that fire one after another while no step is taken: only ones that repeat are left. */
const idleTimers = 2_000

const turnOfLoop = setImmediate

/**
 * Lets one thing happen at a time, in an order drawn from a seed: whoever waits for {@link turn}, and
 * timers, in a time of its own. No real time passes.
 */
export class Scheduler {
  readonly #random: Random
  readonly #waiting: (() => void)[] = []
  readonly #timers = new Map<number, Timer>()
  /** What is called at the next turn of the event loop. */
  readonly #immediates = new Set<() => void>()
  #lastTimer = 0
  #appointment: { readonly step: number; readonly act: () => void } | undefined
  #nowMs = 0
  #steps = 0
  #stopped = false

  constructor(seed: number, stream = 0) {
    this.#random = new Random(seed, stream)
  }

  /** Things that have happened. */
  get steps(): number {
    return this.#steps
  }

  /** Waits until it is the caller's turn; for ever once the scheduler has stopped. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Whether nothing happens any more. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Calls `act` after so many steps, if it comes to them. */
  at(step: number, act: () => void): void {
    this.#appointment = { step, act }
  }

  /** Lets things happen until `work` settles, or has used up `steps`. */
  async drive<T>(work: () => Promise<T>, steps = Infinity): Promise<Outcome<T>> {
    const restore = this.#install()
    let outcome: Outcome<T> | undefined
    let idle = 0
    try {
      work().then(
        (value) => (outcome = { type: 'done', value }),
        (error: unknown) => (outcome = { type: 'failed', error }),
      )
      for (;;) {
        // Behind it every promise that could settle has settled.
        await new Promise((resolve) => turnOfLoop(resolve))
        if (outcome) return outcome
        if (this.#steps >= steps) return { type: 'stopped' }
        if (this.#steps === this.#appointment?.step) this.#appointment.act()
        if (this.#waiting.length > 0) idle = 0
        if (idle++ > idleTimers || !this.#step()) return { type: 'stalled' }
      }
    } finally {
      this.#stopped = true
      // The library notes there that the event loop had its turn, for all that runs in the process.
      while (this.#immediates.size > 0) {
        for (const immediate of this.#immediates) immediate()
        await new Promise((resolve) => turnOfLoop(resolve))
      }
      restore()
    }
  }

  #step(): boolean {
    const { length } = this.#waiting
    this.#steps++
    this.#nowMs += this.#random.uniform()
    if (length > 0 && (this.#timers.size === 0 || this.#random.uniform() < 0.95)) {
      const chosen = Math.floor(this.#random.uniform() * length)
      this.#waiting.splice(chosen, 1)[0]?.()
      return true
    }
    let first: number | undefined
    for (const [id, { atMs }] of this.#timers)
      if (first === undefined || atMs < (this.#timers.get(first)?.atMs ?? 0)) first = id
    const timer = first === undefined ? undefined : this.#timers.get(first)
    if (first === undefined || !timer) return false
    this.#nowMs = Math.max(this.#nowMs, timer.atMs)
    if (timer.everyMs === undefined) this.#timers.delete(first)
    else timer.atMs = this.#nowMs + timer.everyMs
    timer.act()
    return true
  }

  /** Puts the scheduler's time in place of the machine's; returns what undoes it. */
  #install(): () => void {
    const start = (act: () => void, ms: number, everyMs?: number): object => {
      const id = ++this.#lastTimer
      if (!this.#stopped) this.#timers.set(id, { act, atMs: this.#nowMs + ms, everyMs })
      return { id, unref: () => undefined, ref: () => undefined }
    }
    const stop = (timer: { readonly id: number } | undefined): void => {
      if (timer) this.#timers.delete(timer.id)
    }
    const globals = {
      setTimeout: (act: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
        start(() => {
          act(...args)
        }, ms),
      setInterval: (act: () => void, ms = 0) => start(act, Math.max(1, ms), Math.max(1, ms)),
      setImmediate: (act: (...args: unknown[]) => void, ...args: unknown[]) => {
        const immediate = (): void => {
          this.#immediates.delete(immediate)
          act(...args)
        }
        this.#immediates.add(immediate)
        void this.turn().then(immediate)
      },
      clearTimeout: stop,
      clearInterval: stop,
    }
    const real = Object.fromEntries(
      Object.keys(globals).map((name) => [name, globalThis[name as keyof typeof globalThis]]),
    )
    Object.assign(globalThis, globals)
    const now = (): number => this.#nowMs
    Object.defineProperty(performance, 'now', { value: now, configurable: true })
    return () => {
      Object.assign(globalThis, real)
      Reflect.deleteProperty(performance, 'now')
    }
  }
}
