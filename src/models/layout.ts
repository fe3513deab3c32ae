import { WorkerThread } from '../worker.ts'
import type { LayoutMethods } from './layout-worker.ts'
import type { Matrix } from './model.ts'
import type { Near } from './placement.ts'

/** What is laid out, and how. */
export type Layout = UmapLayout | TsneLayout

interface AnyLayout {
  /** Coordinates of a point. */
  readonly dimensions: number
  /** For the points that it starts from, and for whatever else is random. */
  readonly seed: number
}

/** A layout by UMAP, of which the neighbours are all that counts. */
export interface UmapLayout extends AnyLayout {
  /** UMAP. */
  readonly method: 'umap'
  /** The nearest other rows of each row. */
  readonly neighbors: Near
  /** Least distance of points. */
  readonly minDist: number
  /** Passes over the neighbours; by default 200 to 500, the fewer the more rows. */
  readonly epochs?: number
}

/** A layout by t-SNE, of squared Euclidean distances. */
export interface TsneLayout extends AnyLayout {
  /** t-SNE. */
  readonly method: 'tsne'
  /** The rows. */
  readonly rows: Matrix
  /** Neighbours that count for a row, as the exponential of an entropy. */
  readonly perplexity: number
  /** Length of the steps. */
  readonly learningRate: number
  /** Steps. */
  readonly iterations: number
}

/** How far a layout is. */
export interface LayoutProgress {
  /** Epochs or iterations so far. */
  readonly done: number
  /** All of them. */
  readonly total: number
}

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
