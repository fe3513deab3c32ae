const turnMs = 10
let burstAt = 0
let inBurst = false

/** Whether values have come for so long without a turn of the event loop that timers wait. */
function starving(): boolean {
  if (inBurst) return performance.now() - burstAt > turnMs
  inBurst = true
  burstAt = performance.now()
  setImmediate(() => {
    inBurst = false
  })
  return false
}

/**
 * The values of `source`. Ends at once, without an error, when `signal` aborts, even while a value is
 * waited for: the source then returns when its wait is over. Lets timers and I/O have their turn
 * every few milliseconds, which a chain of settled promises would not. `unread` is called if it ends before
 * the first value was asked for.
 */
export function untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
  unread?: () => void,
): UntilAborted<T> {
  return new UntilAborted(source, signal, unread)
}

/** See {@link untilAborted}. Not a generator, because it is on the path of every value. */
export class UntilAborted<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: AsyncIterable<T>
  readonly #signal: AbortSignal
  readonly #unread: (() => void) | undefined
  #values: AsyncIterator<T> | undefined
  #ended = false
  /** The read that is under way, and what answers it. */
  #read: Promise<IteratorResult<T, undefined>> | undefined
  #answer: ((result: IteratorResult<T, undefined>) => void) | undefined
  readonly #stop = (): void => {
    void this.return()
  }

  constructor(source: AsyncIterable<T>, signal: AbortSignal, unread?: () => void) {
    this.#source = source
    this.#signal = signal
    this.#unread = unread
    if (signal.aborted) this.#stop()
    else signal.addEventListener('abort', this.#stop)
  }

  /** Reads one value; a read that is under way comes first. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#answer) return this.#after(this.#read)
    if (this.#ended || this.#signal.aborted) return this.return()
    const values = (this.#values ??= this.#source[Symbol.asyncIterator]())
    this.#read = new Promise((resolve, reject) => {
      this.#answer = resolve
      values.next().then(
        (result) => {
          if (result.done) this.#leave()
          if (!starving()) this.#give(result)
          else
            setImmediate(() => {
              this.#give(result)
            })
        },
        (error: unknown) => {
          this.#leave()
          this.#answer = undefined
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it is
          reject(error)
        },
      )
    })
    return this.#read
  }

  /** Ends. Waits for the source to close what it has open, unless that waits for a value. */
  async return(): Promise<IteratorResult<T, undefined>> {
    const open = this.#ended ? undefined : this.#values
    if (!this.#ended && !open) this.#unread?.()
    this.#leave()
    const returned = open?.return?.().catch(() => undefined)
    if (this.#answer) this.#give({ done: true, value: undefined })
    else await returned
    return { done: true, value: undefined }
  }

  /** Returns itself. */
  [Symbol.asyncIterator](): this {
    return this
  }

  #leave(): void {
    this.#ended = true
    this.#signal.removeEventListener('abort', this.#stop)
  }

  #give(result: IteratorResult<T, undefined>): void {
    this.#answer?.(result)
    this.#answer = undefined
  }

  async #after(read: Promise<unknown> | undefined): Promise<IteratorResult<T, undefined>> {
    await read?.then(undefined, () => undefined)
    return this.next()
  }
}
