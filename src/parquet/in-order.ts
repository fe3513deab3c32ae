import { ChildSignal } from '../flow/child-signal.ts'
import { Deferred } from '../flow/deferred.ts'
import type { ParquetThread } from './parquet-thread.ts'

/** A row group that is to be read. */
export interface GroupWork<T> {
  /** Bytes that it takes, stored and decoded. */
  readonly bytes: number
  /** Reads what is stored. */
  readonly fetch: (signal: AbortSignal) => Promise<Uint8Array>
  /** Decodes it. */
  readonly decode: (file: Uint8Array, thread: ParquetThread) => AsyncGenerator<T>
}

/** How row groups are read. */
export interface InOrderOptions {
  /** Where they are decoded. */
  readonly threads: readonly ParquetThread[]
  /** Bytes of the row groups that are read at a time. */
  readonly windowBytes: number
  /** Aborts the reading. */
  readonly signal: AbortSignal
}

/**
 * The rows of row groups, in order. A group in each thread is decoded, and the bytes of the next one are read, while the
 * rows of the first are taken.
 *
 * - Memory: `windowBytes`, and two batches for each thread. A group that is larger than its share of the window is read
 *   alone, in a thread that has no other's memory: WebAssembly keeps what it once took.
 */
export async function* inOrder<T>(
  works: AsyncGenerator<GroupWork<T>>,
  { threads, windowBytes, signal }: InOrderOptions,
): AsyncGenerator<T> {
  const child = new ChildSignal(signal)
  const share = windowBytes / (threads.length + 1)
  const turns = new Turns(threads, share)
  const ahead: Ahead<T>[] = []
  try {
    for (;;) {
      while (ahead.length <= threads.length)
        ahead.push(new Ahead(works.next(), turns.next(), child.signal))
      const [first] = ahead.splice(0, 1) as [Ahead<T>]
      const rows = await first.started
      if (!rows) return
      yield* rows
      first.end()
    }
  } finally {
    child.abort()
    await works.return(undefined)
  }
}

/** When each group may be read, and where. */
class Turns {
  readonly #threads: readonly ParquetThread[]
  readonly #share: number
  /** Ends of the groups before the next one, the last first. */
  #before: readonly Promise<unknown>[] = []
  /** The end of the last group that is read alone. */
  #alone: Promise<unknown> = Promise.resolve()
  #large = false
  #count = 0

  constructor(threads: readonly ParquetThread[], share: number) {
    this.#threads = threads
    this.#share = share
  }

  next(): Turn {
    const { length } = this.#threads
    const thread = this.#threads[this.#count++ % length] as ParquetThread
    const before = this.#before
    const ended = new Deferred()
    this.#before = [ended.promise, ...before].slice(0, length)
    return {
      ended,
      fetching: async (bytes) => {
        const large = bytes > this.#share
        const alone = this.#alone
        if (large) this.#alone = ended.promise
        await (large ? before[0] : alone)
        if (large === this.#large) return
        this.#large = large
        await Promise.all(this.#threads.map((each) => each.recycle()))
      },
      decoding: async () => {
        await before[length - 1]
        return thread
      },
    }
  }
}

interface Turn {
  /** Resolves when the group's rows have been taken. */
  readonly ended: Deferred
  /** Waits until it may be read; called in the order of the groups. */
  readonly fetching: (bytes: number) => Promise<void>
  /** Waits for the thread to decode it in. */
  readonly decoding: () => Promise<ParquetThread>
}

/** A row group on its way. */
class Ahead<T> {
  /** Its rows, the first of which are being decoded; undefined if there is no further group. */
  readonly started: Promise<AsyncIterable<T> | undefined>
  readonly #turn: Turn

  constructor(
    work: Promise<IteratorResult<GroupWork<T>, unknown>>,
    turn: Turn,
    signal: AbortSignal,
  ) {
    this.#turn = turn
    this.started = this.#start(work, signal)
    // It is told when it is this group's turn.
    this.started.catch(() => undefined)
  }

  /** Lets the next one have its place. */
  end(): void {
    this.#turn.ended.resolve()
  }

  async #start(
    work: Promise<IteratorResult<GroupWork<T>, unknown>>,
    signal: AbortSignal,
  ): Promise<AsyncIterable<T> | undefined> {
    const { value, done } = await work
    if (done) return undefined
    const { bytes, fetch, decode } = value
    await this.#turn.fetching(bytes)
    signal.throwIfAborted()
    const file = await fetch(signal)
    const thread = await this.#turn.decoding()
    signal.throwIfAborted()
    return begun(decode(file, thread))
  }
}

/** The values of `rows`, the first of which is asked for at once. */
function begun<T>(rows: AsyncGenerator<T>): AsyncIterable<T> {
  const first = rows.next()
  first.catch(() => undefined)
  return {
    async *[Symbol.asyncIterator]() {
      const result = await first
      if (result.done) return
      yield result.value
      yield* rows
    },
  }
}
