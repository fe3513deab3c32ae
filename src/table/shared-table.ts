import type { Context } from '../flow/context.ts'
import { Barrier, type Control, type Reject, Rejects } from '../flow/control.ts'
import { Deferred } from '../flow/deferred.ts'
import type { Flow } from '../flow/flow.ts'
import type { Slot } from '../flow/slot.ts'
import { release } from '../flow/slot-of.ts'
import type { Run } from '../run/run-state.ts'
import type { StoredTable } from './stored-table.ts'

/** Makes a table on disk; yields the control messages that pass meanwhile. The reader closes the table. */
export type MakeTable = (context: Context) => AsyncGenerator<Control, StoredTable>

/** Makes the table of a flow once for all who read it in a run. */
export class SharedTables {
  readonly #part: Flow<unknown>
  readonly #make: MakeTable
  readonly #made = new WeakMap<Run, SharedTable>()

  constructor(part: Flow<unknown>, make: MakeTable) {
    this.#part = part
    this.#make = make
  }

  /** The table, for one reader. Without a run each makes its own. */
  readonly table: MakeTable = (context) =>
    context.run ? this.#of(context.run).read(context) : this.#make(context)

  /** One of its readers will not come; when none does, what is below it is told. */
  release(context: Context): void {
    if (context.run) this.#of(context.run).release(context)
    else release(this.#part.info.inputs ?? [], context)
  }

  #of(run: Run): SharedTable {
    const known = this.#made.get(run)
    if (known && !known.gone) return known
    const { info } = this.#part
    const slot = run.slot(this, `${run.key(this.#part, info.name)} messages`)
    const shared = new SharedTable(this.#part, this.#make, { run, slot })
    this.#made.set(run, shared)
    return shared
  }
}

/**
 * A table in the making, or made, on behalf of all its readers in a run: from the first that asks for it until the
 * last of those that the plan has, and of others that have come, has it or has left. Other messages than barriers
 * go to the first of them alone; those that come while none reads wait, and are part of checkpoints.
 */
class SharedTable {
  readonly #part: Flow<unknown>
  readonly #make: MakeTable
  readonly #run: Run
  readonly #slot: Slot
  readonly #abort = new AbortController()
  /** Readers of the plan that have neither come nor been released. */
  #expected: number
  /** Those that wait for the table, in the order in which they came. */
  readonly #readers = new Set<object>()
  readonly #messages: Control[] = []
  /** The newest that has passed. */
  #barrier: Barrier | undefined
  #barrierTaken = true
  #making: Promise<void> | undefined
  #table: StoredTable | undefined
  #failure: { readonly cause: unknown } | undefined
  #bell = new Deferred()

  constructor(
    part: Flow<unknown>,
    make: MakeTable,
    { run, slot }: { readonly run: Run; readonly slot: Slot },
  ) {
    this.#part = part
    this.#make = make
    this.#run = run
    this.#slot = slot
    this.#expected = run.readings.get(part) ?? 0
    const late = (slot.state ?? []) as readonly Reject[]
    if (late.length > 0) this.#messages.push(new Rejects(late))
  }

  /** Whether a reader that comes now has to make it again: not where a checkpoint may point to what there is of it. */
  get gone(): boolean {
    const { ended, durable } = this.#run
    if (ended.aborted) return false
    return this.#failure ? !durable : this.#abort.signal.aborted && !this.#kept
  }

  get #kept(): boolean {
    return this.#table !== undefined && !this.#table.closed
  }

  async *read(context: Context): AsyncGenerator<Control, StoredTable> {
    const { signal } = context
    const reader = {}
    const ring = (): void => {
      this.#ring()
    }
    this.#expected = Math.max(0, this.#expected - 1)
    this.#readers.add(reader)
    signal.addEventListener('abort', ring)
    try {
      this.#making ??= this.#drive(context)
      for (let passed: Barrier | undefined; ;) {
        signal.throwIfAborted()
        this.#run.ended.throwIfAborted()
        const message = this.#barrierFor(passed) ?? this.#messageFor(reader)
        if (message) {
          if (message instanceof Barrier) passed = message
          yield message
        } else if (this.#failure) throw this.#failure.cause
        else if (this.#table) return this.#table.another(signal)
        else await this.#bell.promise
      }
    } finally {
      signal.removeEventListener('abort', ring)
      this.#readers.delete(reader)
      this.#ring()
      await this.#stopIfLeft()
    }
  }

  release(context: Context): void {
    this.#expected = Math.max(0, this.#expected - 1)
    if (this.#expected > 0 || this.#readers.size > 0) return
    if (this.#making) void this.#stopIfLeft().catch(() => undefined)
    else {
      this.#abort.abort()
      release(this.#part.info.inputs ?? [], context)
    }
  }

  /** The barrier that has passed, unless the reader has seen it, or comes when it is committed. */
  #barrierFor(passed: Barrier | undefined): Barrier | undefined {
    const { barrier: due } = this.#run
    // What was left when the table was made belongs behind a barrier that is on its way.
    if (this.#table && due && due !== this.#barrier && this.#messages.length > 0) this.#note(due)
    const barrier = this.#barrier
    if (!barrier || barrier === passed || (this.#barrierTaken && barrier !== due)) return undefined
    this.#barrierTaken = true
    this.#ring()
    return barrier
  }

  #messageFor(reader: object): Control | undefined {
    const [first] = this.#readers
    const message = first === reader ? this.#messages.shift() : undefined
    if (!message) return undefined
    if (this.#slot.ended) this.#slot.end(this.#late())
    this.#ring()
    return message
  }

  /** Makes the table; a message is taken by a reader, if there is one, before the next comes. */
  async #drive(context: Context): Promise<void> {
    const { signal } = this.#abort
    const { ended } = this.#run
    const abort = (): void => {
      this.#abort.abort()
      this.#ring()
    }
    if (ended.aborted) abort()
    else ended.addEventListener('abort', abort)
    const making = this.#make(this.#forAll(context))
    try {
      for (;;) {
        const { done, value } = await making.next()
        if (done) {
          this.#table = value
          break
        }
        if (value instanceof Barrier) this.#note(value)
        else this.#messages.push(value)
        this.#ring()
        while (!signal.aborted && this.#readers.size > 0 && !this.#taken) await this.#bell.promise
        if (signal.aborted) break
      }
      if (!signal.aborted) this.#slot.end(this.#late())
    } catch (cause) {
      if (!signal.aborted) this.#failure = { cause }
    } finally {
      ended.removeEventListener('abort', abort)
      await making.return(undefined as never).catch(() => undefined)
      this.#ring()
    }
  }

  get #taken(): boolean {
    return this.#barrierTaken && this.#messages.length === 0
  }

  #note(barrier: Barrier): void {
    this.#barrier = barrier
    this.#barrierTaken = false
    this.#slot.save(barrier, this.#late())
  }

  /** Rejects that nobody has taken. */
  #late(): readonly Reject[] {
    return this.#messages.flatMap((message) => (message instanceof Rejects ? message.rows : []))
  }

  /** The context for what all readers share: in no lane, with the heavy columns that any of them wants. */
  #forAll({ columns }: Context): Context {
    const { signal } = this.#abort
    const run = this.#run
    const wanted = run.wanted.get(this.#part) ?? []
    return { signal, run, ...(columns && { columns: new Set([...columns, ...wanted]) }) }
  }

  /** Lets go of the table, or ends the making, when no reader is left that wants it. */
  async #stopIfLeft(): Promise<void> {
    if (this.#expected > 0 || this.#readers.size > 0 || this.#abort.signal.aborted) return
    this.#abort.abort()
    this.#ring()
    await this.#making
    await this.#table?.close()
  }

  /** Wakes all who wait, and lets them wait again. */
  #ring(): void {
    const { resolve } = this.#bell
    this.#bell = new Deferred()
    resolve()
  }
}
