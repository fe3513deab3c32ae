import { tmpdir } from 'node:os'
import { RecordBatch } from 'apache-arrow'
import { columnsForAll, type Context, inLane } from './context.ts'
import { Barrier, Control, type Reject, Rejects } from './control.ts'
import { Deferred } from './deferred.ts'
import { OptionError, OverrunError } from '../errors.ts'
import { type Entry, FanBranch } from './fan-branch.ts'
import type { Flow } from './flow.ts'
import type { Slot } from './slot.ts'
import { reading } from './reading.ts'
import { slotOf } from './slot-of.ts'
import type { Run } from '../run/run-state.ts'
import { Spill } from './spill.ts'
import { bytesOf } from './value-bytes.ts'

/** Settings of a {@link Fan}; see `FanOutOptions`. */
export interface FanOptions {
  /** Number of branches. */
  readonly branches: number
  /** See `FanOutOptions`. */
  readonly memoryBytes: number
  /** See `FanOutOptions`. */
  readonly spillBytes: number
  /** See `FanOutOptions`. */
  readonly patienceMs: number
  /** See `FanOutOptions`. */
  readonly spillDir: string | undefined
}

/** One reading of a source by several branches. */
export class Fan<T> {
  readonly #input: Flow<T>
  readonly #part: object
  readonly #options: FanOptions
  readonly #branches: readonly FanBranch<T>[]
  readonly #abort = new AbortController()
  readonly #spill: Spill
  #slot: Slot | undefined
  #made = 0
  #heldBytes = 0
  #started = false
  #ended = false
  #failure: { readonly cause: unknown } | undefined
  /** A branch asks for a value, or none is left. */
  #asked = new Deferred()
  /** The slowest branch took a value, or left. */
  #caughtUp = new Deferred()
  #patient = true

  /** `part` stands for the fan in the plan. */
  constructor(input: Flow<T>, part: object, options: FanOptions) {
    this.#input = input
    this.#part = part
    this.#options = options
    this.#branches = Array.from({ length: options.branches }, () => new FanBranch<T>())
    this.#spill = new Spill(() => this.#folder(), Math.max(1, options.spillBytes / 8))
  }

  /** Whether every branch has been read. */
  get over(): boolean {
    return this.#branches.every((branch) => branch.state === 'gone')
  }

  /** The values, for branch `index`. */
  async *read(index: number, context: Context): AsyncGenerator<T | Control> {
    const branch = this.#branches[index]
    if (branch?.state !== 'expected')
      throw new OptionError(`Expected one reader of ${nameOf(index)}, got another`)
    branch.state = 'reading'
    branch.context = context
    function wake(): void {
      branch?.wake()
    }
    context.signal.addEventListener('abort', wake)
    try {
      this.#start()
      while (!context.signal.aborted) {
        if (this.#failure?.cause instanceof OverrunError) throw this.#failure.cause
        const entry = branch.queue.shift()
        if (entry) yield await this.#take(entry, branch)
        else if (this.#failure) throw this.#failure.cause
        else if (this.#ended) return
        else await this.#ask(branch)
      }
    } finally {
      context.signal.removeEventListener('abort', wake)
      await this.#leave(branch)
    }
  }

  /** Branch `index` will not be read. */
  release(index: number, context: Context): void {
    const branch = this.#branches[index]
    if (branch?.state !== 'expected') return
    branch.state = 'gone'
    branch.context = context
    this.#start()
  }

  async #ask(branch: FanBranch<T>): Promise<void> {
    const arrived = branch.ask()
    this.#asked.resolve()
    await arrived
  }

  async #take(entry: Entry<T>, branch: FanBranch<T>): Promise<T | Control> {
    const value = entry.spilled
      ? ((await this.#spill.read(entry.spilled)) as T)
      : (entry.value as T | Control)
    if (this.#slowest() === branch) this.#noteProgress()
    await this.#release(entry)
    return value
  }

  #slowest(): FanBranch<T> | undefined {
    const reading = this.#reading()
    return reading.reduce(
      (a, b) => (b.queue.length > a.queue.length ? b : a),
      reading[0] as FanBranch<T>,
    )
  }

  #noteProgress(): void {
    this.#patient = true
    this.#caughtUp.resolve()
  }

  /** One branch less waits for `entry`. */
  async #release(entry: Entry<T>): Promise<void> {
    if (--entry.waiting > 0) return
    if (entry.spilled) await this.#spill.forget(entry.spilled)
    else this.#heldBytes -= entry.bytes
  }

  async #leave(branch: FanBranch<T>): Promise<void> {
    branch.state = 'gone'
    this.#handOver(branch)
    for (const entry of branch.queue.splice(0)) await this.#release(entry)
    this.#noteProgress()
    this.#start()
    if (this.over) await this.#spill.close()
  }

  /**
   * Gives rejects that a branch which leaves has not taken to another one, in their place. If that has passed a
   * barrier which follows them, they are part of that checkpoint as the state of the fan.
   */
  #handOver({ queue }: FanBranch<T>): void {
    const [heir] = this.#reading()
    if (!heir) return
    const late: Reject[] = []
    for (const entry of [...queue]) {
      const { value } = entry
      if (value instanceof Barrier && !heir.queue.includes(entry)) this.#addTo(value, late)
      if (!(value instanceof Rejects)) continue
      late.push(...value.rows)
      queue.splice(queue.indexOf(entry), 1)
      heir.insert(entry)
    }
  }

  /** Adds rejects to those that a barrier which has passed has of the fan. */
  #addTo({ states }: Barrier, late: readonly Reject[]): void {
    const key = this.#slot?.key ?? ''
    const saved = states.get(key)
    if (saved) states.set(key, { ...saved, state: [...(saved.state as Reject[]), ...late] })
  }

  /** Starts when no branch is expected any more, and stops when all have gone; an input that is not read is released. */
  #start(): void {
    if (this.over) {
      this.#abort.abort()
      this.#asked.resolve()
    }
    if (this.#started || this.#branches.some(({ state }) => state === 'expected')) return
    this.#started = true
    void this.#drive()
  }

  #reading(): FanBranch<T>[] {
    return this.#branches.filter((branch) => branch.state === 'reading')
  }

  /** Reads the source whenever some branch has taken all there is. */
  async #drive(): Promise<void> {
    const columns = columnsForAll(this.#reading().flatMap(({ context }) => context ?? []))
    const run = this.#run
    const { signal } = this.#abort
    const shared = { signal, ...(run && { run }), ...(columns && { columns }) }
    const slot = (this.#slot = slotOf(this.#part, 'fanOut', shared))
    const late = [...((slot.state ?? []) as readonly Reject[])]
    try {
      await this.#demand()
      for await (const value of reading(this.#input, inLane(shared, slot.key))) {
        if (value instanceof RecordBatch) slot.counts.rowsIn = slot.counts.rowsKept += value.numRows
        // A reader may have come past the barrier already, if its source sent it, too.
        if (value instanceof Barrier) slot.save(value, late)
        else await this.#putLate(late)
        await this.#put(value)
        await this.#demand()
      }
      await this.#putLate(late)
    } catch (cause) {
      this.#failure = { cause }
    }
    this.#ended = true
    if (!this.#failure && !signal.aborted) slot.end()
    for (const branch of this.#branches) branch.wake()
  }

  async #putLate(late: Reject[]): Promise<void> {
    if (late.length > 0) await this.#put(new Rejects(late.splice(0)))
  }

  async #demand(): Promise<void> {
    while (!this.#abort.signal.aborted && !this.#branches.some((branch) => branch.asking)) {
      this.#asked = new Deferred()
      await this.#asked.promise
    }
  }

  async #put(value: T | Control): Promise<void> {
    const reading = this.#reading()
    const branches = value instanceof Rejects ? reading.slice(0, 1) : reading
    const bytes = value instanceof Control ? 0 : bytesOf(value)
    const entry: Entry<T> = { at: this.#made++, value, bytes, waiting: branches.length }
    if (branches.length > 0) this.#heldBytes += bytes
    const late = branches.some((branch) => !branch.asking)
    for (const branch of branches) branch.put(entry)
    if (!late || value instanceof Control) return
    while (this.#heldBytes > this.#options.memoryBytes && entry.waiting > 0) {
      this.#patient = this.#patient && (await this.#progressSoon())
      if (this.#patient) continue
      await this.#toDisk(entry)
      return
    }
  }

  /** Waits for the slowest branch to take a value; false if it takes none. */
  async #progressSoon(): Promise<boolean> {
    this.#caughtUp = new Deferred()
    const { promise, resolve } = this.#caughtUp
    let progress = true
    const timer = setTimeout(() => {
      progress = false
      resolve()
    }, this.#options.patienceMs)
    await promise
    clearTimeout(timer)
    return progress
  }

  async #toDisk(entry: Entry<T>): Promise<void> {
    const { memoryBytes, spillBytes } = this.#options
    if (this.#spill.bytes + entry.bytes > spillBytes) {
      const index = this.#branches.indexOf(this.#slowest() as FanBranch<T>)
      const bound = `${String(memoryBytes)} bytes in memory and ${String(spillBytes)} on disk`
      throw new OverrunError(`Expected ${nameOf(index)} to lag by at most ${bound}, got more`)
    }
    const spilled = await this.#spill.write(entry.value)
    if (entry.waiting === 0) {
      await this.#spill.forget(spilled)
      return
    }
    entry.spilled = spilled
    entry.value = undefined
    this.#heldBytes -= entry.bytes
  }

  async #folder(): Promise<string> {
    return this.#options.spillDir ?? (await this.#run?.folder()) ?? tmpdir()
  }

  get #run(): Run | undefined {
    return this.#branches.find(({ context }) => context?.run)?.context?.run
  }
}

function nameOf(index: number): string {
  return `branch ${String(index + 1)} of fanOut`
}
