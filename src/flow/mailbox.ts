import { type Observable, Subscriber } from 'rxjs'
import type { Context } from './context.ts'
import { Barrier, type Control } from './control.ts'
import { Deferred } from './deferred.ts'
import { OverrunError } from '../errors.ts'
import { scope, within } from './push.ts'

type Result<T> = IteratorResult<T | Control, undefined>

/**
 * The values that `source` pushes; each iteration subscribes, when it is asked for the first value.
 *
 * - Memory: what one value of a flow makes on its way; else at most `limit` values.
 *
 * @throws {OverrunError} on the stream, if more than `limit` values wait
 */
export function received<T>(
  source: Observable<T>,
  context: Context,
  limit = Infinity,
): AsyncIterable<T | Control> {
  return {
    [Symbol.asyncIterator]() {
      const mailbox = new Mailbox<T>(context, limit)
      let started = false
      return {
        next() {
          if (!started) mailbox.open(source)
          started = true
          return mailbox.take()
        },
        return() {
          mailbox.drop()
          return mailbox.take()
        },
      }
    },
  }
}

/** Where pushed values land: holds them until they are taken. */
class Mailbox<T> extends Subscriber<T> {
  readonly #context: Context
  readonly #limit: number
  #held: (T | Control)[] = []
  #taken = 0
  #failure: { readonly cause: unknown } | undefined
  /** Answers a read that came when nothing was held. */
  #answer: ((result: Result<T> | Promise<Result<T>>) => void) | undefined
  #emptied = new Deferred()
  #checkpoint = 0
  readonly #stop = (): void => {
    this.drop()
  }

  constructor(context: Context, limit: number) {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- RxJS 7 offers no other base for an observer that can stop its source
    super()
    this.#context = context
    this.#limit = limit
  }

  open(source: Observable<T>): void {
    const { signal } = this.#context
    if (signal.aborted) {
      this.drop()
      return
    }
    signal.addEventListener('abort', this.#stop)
    const reader = { context: this.#context, pass: this.#pass.bind(this) }
    within({ reader, waits: scope().waits }, () => source.subscribe(this))
  }

  /** Asking for a value when none is held counts as having emptied the box. */
  take(): Promise<Result<T>> {
    if (this.#taken < this.#held.length) {
      const value = this.#held[this.#taken++] as T | Control
      return Promise.resolve({ done: false, value })
    }
    this.#held = []
    this.#taken = 0
    if (this.closed) return this.#end()
    const { resolve } = this.#emptied
    this.#emptied = new Deferred()
    const taken = new Promise<Result<T>>((answer) => (this.#answer = answer))
    resolve()
    return taken
  }

  /** Stops the source; what is held is not wanted any more. */
  drop(): void {
    this.#held = []
    this.#taken = 0
    this.#failure = undefined
    this.unsubscribe()
  }

  override unsubscribe(): void {
    super.unsubscribe()
    this.#context.signal.removeEventListener('abort', this.#stop)
    this.#emptied.resolve()
    this.#answer?.(this.#end())
    this.#answer = undefined
  }

  protected override _next(value: T): void {
    const { stage, waits } = scope()
    stage?.answer()
    this.#put(value)
    waits?.add(this.#emptied.promise)
    if (this.#held.length - this.#taken <= this.#limit) return
    const limit = String(this.#limit)
    const got = 'got more from an Observable that cannot be slowed'
    this.error(new OverrunError(`Expected at most ${limit} values waiting, ${got}`))
  }

  protected override _error(cause: unknown): void {
    this.#failure = { cause }
    this.unsubscribe()
  }

  protected override _complete(): void {
    this.unsubscribe()
  }

  #put(value: T | Control): void {
    if (!this.#answer) {
      this.#held.push(value)
      return
    }
    this.#answer({ done: false, value })
    this.#answer = undefined
  }

  /** A failure is told once. */
  #end(): Promise<Result<T>> {
    const failure = this.#failure
    this.#failure = undefined
    if (!failure) return Promise.resolve({ done: true, value: undefined })
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it is
    return Promise.reject(failure.cause)
  }

  /** A barrier passes once, though every flow that an operator such as `concat` reads sends it. */
  #pass(control: Control): Promise<void> {
    if (this.closed) return Promise.resolve()
    if (control instanceof Barrier) {
      if (control.checkpoint <= this.#checkpoint) return Promise.resolve()
      this.#checkpoint = control.checkpoint
    }
    this.#put(control)
    return this.#emptied.promise
  }
}
