import { WorkerThread } from '../worker.ts'
import type { Layout, LayoutMethods, LayoutProgress } from './layout-worker.ts'

export type { Layout, LayoutProgress } from './layout-worker.ts'

/** Who follows a layout, and who may stop it. */
export interface LayoutWatch {
  /** Aborted to stop it. */
  readonly signal?: AbortSignal | undefined
  /** Called after each turn. */
  readonly onProgress?: ((progress: LayoutProgress) => void) | undefined
}

/**
 * Lays rows out in a thread of its own: the points, row after row.
 *
 * Its steps are asked for a fifth of a second at a time, so progress is told as often, and an abort
 * ends it within one turn. The points do not depend on that.
 */
export async function layOut(
  layout: Layout,
  { signal, onProgress }: LayoutWatch,
): Promise<Float64Array> {
  const worker = new WorkerThread<LayoutMethods>(import.meta.url, './layout-worker')
  try {
    let progress = await worker.call('begin', layout)
    while (progress.done < progress.total) {
      signal?.throwIfAborted()
      progress = await worker.call('step', undefined)
      onProgress?.(progress)
    }
    return await worker.call('points', undefined)
  } finally {
    await worker.close()
  }
}
