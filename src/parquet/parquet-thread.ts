import { type RecordBatch, type Schema, tableFromIPC } from 'apache-arrow'
import { type Methods, WorkerThread } from '../worker.ts'
import { parquetLimits } from './limits.ts'
import type { methods, WriteMessage } from './parquet-worker.ts'

type ParquetMethods = typeof methods & Methods

/** A trap in WebAssembly, and a stack that is used up. */
const panics: ReadonlySet<string> = new Set(['RuntimeError', 'RangeError'])

/**
 * Reads and writes small Parquet files in a worker thread.
 *
 * - Memory: the file being read and its rows, in WebAssembly, which gives nothing back before {@link recycle}
 *   and takes at most the bytes given: a file that inflates to more is refused.
 * - A damaged file may make the library panic. Its memory is then in doubt: the thread is given up, and the
 *   next call starts another.
 */
export class ParquetThread {
  readonly #memoryBytes: number
  #thread: WorkerThread<ParquetMethods> | undefined
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

  /** Ends the thread; nothing can be done here any more. */
  async close(): Promise<void> {
    this.#closed = true
    await this.recycle()
  }

  /** Ends the thread, which gives its memory back; the next call starts another. */
  async recycle(): Promise<void> {
    const thread = this.#thread
    this.#thread = undefined
    await thread?.close()
  }

  async #guarded<R>(work: (thread: WorkerThread<ParquetMethods>) => Promise<R>): Promise<R> {
    if (this.#closed) throw new Error('Expected an open Parquet thread, got a closed one')
    this.#thread ??= this.#start()
    try {
      return await work(this.#thread)
    } catch (error) {
      if (error instanceof Error && panics.has(error.name)) await this.recycle()
      throw error
    }
  }

  #start(): WorkerThread<ParquetMethods> {
    const thread = new WorkerThread<ParquetMethods>(import.meta.url, './parquet-worker')
    // Calls are answered in order; should this one fail, those that follow do too.
    thread.call('load', this.#memoryBytes).catch(() => undefined)
    return thread
  }
}
