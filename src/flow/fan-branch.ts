import type { Context } from './context.ts'
import type { Control } from './control.ts'
import { Deferred } from './deferred.ts'
import type { Spilled } from './spill.ts'

/** A value of a fan, shared by the branches that have not taken it. */
export interface Entry<T> {
  /** Its place among all. */
  readonly at: number
  /** What is held in memory. */
  value: T | Control | undefined
  /** Where it is, if it is on disk. */
  spilled?: Spilled
  /** Bytes that it takes in memory. */
  bytes: number
  /** Branches that have not taken it. */
  waiting: number
}

/** A branch of a fan, with what its reader has not taken. */
export class FanBranch<T> {
  /** Whether it is read. */
  state: 'expected' | 'reading' | 'gone' = 'expected'
  /** In the order of the source. */
  readonly queue: Entry<T>[] = []
  /** What its reader handed upstream. */
  context: Context | undefined
  #arrived: Deferred | undefined

  /** Whether its reader has taken all there is, and waits. */
  get asking(): boolean {
    return this.#arrived !== undefined
  }

  /** Waits until something is there, or the reader is to look why not. */
  async ask(): Promise<void> {
    this.#arrived = new Deferred()
    await this.#arrived.promise
    this.#arrived = undefined
  }

  /** Lets the reader look. */
  wake(): void {
    this.#arrived?.resolve()
  }

  /** Adds `entry` at the end. */
  put(entry: Entry<T>): void {
    this.queue.push(entry)
    this.wake()
    this.#arrived = undefined
  }

  /** Adds `entry` in its place. */
  insert(entry: Entry<T>): void {
    const place = this.queue.findIndex(({ at }) => at > entry.at)
    this.queue.splice(place < 0 ? this.queue.length : place, 0, entry)
    this.wake()
  }
}
