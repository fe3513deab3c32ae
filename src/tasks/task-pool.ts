import { buffersOf, type TaskRow } from './task.ts'
import type { Outcome, TaskMethods, TaskSetup } from './task-worker.ts'
import { WorkerThread } from '../worker.ts'

/** Rows in work in one thread: while one is decoded by libvips, the other is in the model. */
const rowsPerThread = 2

interface Member {
  readonly thread: WorkerThread<TaskMethods>
  readonly started: Promise<void>
  rows: number
}

/** Threads that each take rows through the same tasks. A thread starts when there is work for it. */
export class TaskPool {
  /** Most rows in work. */
  readonly capacity: number
  readonly #setup: TaskSetup
  readonly #threads: number
  readonly #members: Member[] = []
  #rows = 0

  constructor(setup: TaskSetup, threads: number) {
    this.#setup = setup
    this.#threads = threads
    this.capacity = threads * rowsPerThread
  }

  /** Whether another row can be taken. */
  get free(): boolean {
    return this.#rows < this.capacity
  }

  /** Takes one row through the tasks; its buffers move along. */
  async run(row: TaskRow): Promise<Outcome> {
    const member = this.#next()
    member.rows++
    this.#rows++
    try {
      await member.started
      return await member.thread.call('run', row, buffersOf(row))
    } finally {
      member.rows--
      this.#rows--
    }
  }

  /** Lets the rows in work end, releases what the tasks hold, and ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ thread }) => thread.close()))
  }

  #next(): Member {
    const [idlest] = this.#members.toSorted((a, b) => a.rows - b.rows)
    if (idlest && (idlest.rows === 0 || this.#members.length === this.#threads)) return idlest
    const thread = new WorkerThread<TaskMethods>(import.meta.url, './task-worker')
    const member = { thread, started: thread.call('start', this.#setup), rows: 0 }
    this.#members.push(member)
    return member
  }
}
