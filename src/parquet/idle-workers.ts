import { type Methods, WorkerThread } from '../worker.ts'
import { parquetLimits } from './limits.ts'
import type { CompiledLibrary, methods, ParquetSetup } from './parquet-worker.ts'

/** A thread in which the library is loaded. */
export type ParquetWorker = WorkerThread<typeof methods & Methods>

/** Threads that nobody uses, the one used last at the end. They do not keep the process alive. */
const idle: { readonly memoryBytes: number; readonly worker: ParquetWorker }[] = []

/** The library as the first thread compiled it, by the bound to its memory. */
const libraries = new Map<number, CompiledLibrary>()

/** A thread whose memory has that bound: one that is idle, or a new one. */
export function takeWorker(memoryBytes: number): ParquetWorker {
  const at = idle.findLastIndex((each) => each.memoryBytes === memoryBytes)
  const [kept] = at < 0 ? [] : idle.splice(at, 1)
  if (kept) return kept.worker
  const library = libraries.get(memoryBytes)
  const setup: ParquetSetup = { memoryBytes, library }
  const worker: ParquetWorker = new WorkerThread(import.meta.url, './parquet-worker', setup)
  if (!library)
    worker.call('library', undefined).then(
      (made) => libraries.set(memoryBytes, made),
      // Whoever has taken the thread meets the same error.
      () => undefined,
    )
  return worker
}

/**
 * Takes a thread back, for the next who needs one. It is ended if it was closed or its memory has grown,
 * since WebAssembly gives nothing back; if too many are idle then, the one that has been for longest is.
 */
export async function keepWorker(worker: ParquetWorker, memoryBytes: number): Promise<void> {
  const held = await worker.call('clear', undefined).catch(() => Infinity)
  // A call that was open still may have had it closed.
  if (worker.closed || held > parquetLimits.idleBytes) return worker.close()
  idle.push({ memoryBytes, worker })
  if (idle.length > parquetLimits.idleThreads) await idle.shift()?.worker.close()
}
