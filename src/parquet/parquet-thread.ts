import { type RecordBatch, type Schema, tableFromIPC } from 'apache-arrow'
import { keepWorker, type ParquetWorker, takeWorker } from './idle-workers.ts'
import { parquetLimits } from './limits.ts'
import type { WriteMessage } from './parquet-worker.ts'

/** A trap in WebAssembly, a stack that is used up, and a thread that died. */
const panics: ReadonlySet<string> = new Set(['RuntimeError', 'RangeError', 'WorkerError'])

/**
 * Reads and writes small Parquet files in a worker thread, which it has for itself from the first call until it is
 * closed.
 *
 * - Memory: the file being read and its rows, in WebAssembly, which gives nothing back before {@link recycle}
 *   and takes at most the bytes given: a file that inflates to more is refused.
 * - A damaged file may make the library panic. Its memory is then in doubt: the thread is given up, and the
 *   next call takes another.
 */
export class ParquetThread {
  readonly #memoryBytes: number
  #thread: ParquetWorker | undefined
  #closed = false

  constructor(memoryBytes: number = parquetLimits.memoryBytes) {
    this.#memoryBytes = memoryBytes
  }

  /** The Arrow schema of a file that has no row group. */
  async schema(file: Uint8Array): Promise<Schema> {
    const ipc = await this.#guarded((thread) =>
      thread.call('schema', file, [file.buffer as ArrayBuffer]),
    )
    return tableFromIPC(ipc).schema
  }

  /** The rows of `file`, at most `batchRows` at a time, from batch `first` on. One batch is read ahead. */
  async *read(file: Uint8Array, batchRows: number, first = 0): AsyncGenerator<RecordBatch> {
    const message = { file, batchRows }
    const { table, batches } = await this.#guarded((thread) =>
      thread.call('open', message, [file.buffer as ArrayBuffer]),
    )
    const batch = (index: number): Promise<Uint8Array> => {
      const ipc = this.#guarded((thread) => thread.call('batch', { table, index }))
      ipc.catch(() => undefined)
      return ipc
    }
    try {
      let next = first < batches ? batch(first) : undefined
      for (let i = first; next; i++) {
        const ipc: Uint8Array = await next
        next = i + 1 < batches ? batch(i + 1) : undefined
        const [read] = tableFromIPC(ipc).batches
        if (read) yield read
      }
    } finally {
      await this.#thread?.call('free', table)
    }
  }

  /** Writes one row group as a file of its own. Takes the message's bytes. */
  write(message: WriteMessage): Promise<Uint8Array> {
    return this.#guarded((thread) =>
      thread.call('write', message, [message.ipc.buffer as ArrayBuffer]),
    )
  }

  /** Lets go of the thread; nothing can be done here any more. */
  async close(): Promise<void> {
    this.#closed = true
    const thread = this.#thread
    this.#thread = undefined
    if (thread) await keepWorker(thread, this.#memoryBytes)
  }

  /** Ends the thread, which gives its memory back; the next call takes another. */
  async recycle(): Promise<void> {
    const thread = this.#thread
    this.#thread = undefined
    await thread?.close()
  }

  async #guarded<R>(work: (thread: ParquetWorker) => Promise<R>): Promise<R> {
    if (this.#closed) throw new Error('Expected an open Parquet thread, got a closed one')
    const thread = (this.#thread ??= takeWorker(this.#memoryBytes))
    try {
      return await work(thread)
    } catch (error) {
      if (error instanceof Error && panics.has(error.name)) {
        if (this.#thread === thread) this.#thread = undefined
        await thread.close()
      }
      throw error
    }
  }
}
