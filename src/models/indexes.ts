import type { Metric } from '../kernels/distance.ts'
import { ExactIndex } from './exact-index.ts'
import { HnswIndex } from './hnsw-index.ts'
import { indexKind } from './index-rows.ts'
import type { ModelState } from './model.ts'
import type { IndexKind, NeighborIndex } from './neighbor-index.ts'
import { restoredModel, saveModel } from './save.ts'

/** An empty index. */
export function neighborIndex(kind: IndexKind, metric: Metric, columns: number): NeighborIndex {
  return kind === 'exact' ? new ExactIndex(metric, columns) : new HnswIndex(metric, columns)
}

/**
 * The index that was saved by `saveModel`; `state` comes from `loadModel`, which checks the checksums.
 *
 * @throws {DataError} if the state is not that of an index
 */
export async function restoreIndex(state: ModelState): Promise<NeighborIndex> {
  return state.parameters['index'] === 'hnsw' ? HnswIndex.restore(state) : ExactIndex.restore(state)
}

/** Loads an index from the folder that `saveModel` wrote, with all checksums checked. */
export async function loadIndex(folder: string): Promise<NeighborIndex> {
  return restoredModel(folder, indexKind, restoreIndex)
}

/** Saves an index as a folder. */
export async function saveIndex(folder: string, index: NeighborIndex): Promise<void> {
  await saveModel(folder, await index.state())
}
