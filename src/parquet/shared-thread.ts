import { ParquetThread } from './parquet-thread.ts'

/** One thread for all that use it at the same time: taken by the first, let go of by the last. */
export class SharedThread {
  #thread: ParquetThread | undefined
  #users = 0

  /** The thread, with a bound to its memory. */
  take(memoryBytes: number): ParquetThread {
    this.#users++
    return (this.#thread ??= new ParquetThread(memoryBytes))
  }

  /** Says that it is used no more by one that took it. */
  async release(): Promise<void> {
    if (--this.#users > 0) return
    const thread = this.#thread
    this.#thread = undefined
    await thread?.close()
  }
}
