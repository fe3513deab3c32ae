import type { Metric } from '../kernels/distance.ts'
import { kernel } from '../kernels/kernel.ts'
import type { Matrix } from './model.ts'

/** Rows that are compared with at a time. */
const blockRows = 16_384

/** How far from a reference a row is said to be. */
export interface ReferenceDistance {
  /** The reference, as float32. */
  readonly reference: Matrix & { readonly values: Float32Array }
  /** How far apart two rows are. */
  readonly metric: Metric
  /** How many of the nearest count. */
  readonly k: number
}

/**
 * The mean distance of each row to its `k` nearest of the reference, or to all where there are fewer; NaN where there is none. With
 * `own` the rows are those of the reference, and none is near itself.
 */
export async function referenceDistances(
  { reference, metric, k }: ReferenceDistance,
  rows: Matrix,
  { own = false }: { readonly own?: boolean } = {},
): Promise<Float64Array> {
  const { columns } = reference
  let found = {
    distances: new Float64Array(rows.rows * k).fill(Infinity),
    rows: new Int32Array(rows.rows * k).fill(-1),
  }
  for (let from = 0; from < reference.rows && rows.rows > 0; from += blockRows) {
    const to = Math.min(reference.rows, from + blockRows)
    found = (await kernel().call('nearest', {
      ...{ columns, metric, k, itemOffset: from, ...found },
      queries: Float32Array.from(rows.values),
      items: reference.values.slice(from * columns, to * columns),
      ...(own && { queryOffset: 0 }),
    })) as typeof found
  }
  return Float64Array.from({ length: rows.rows }, (_, row) =>
    meanOf(found.distances.subarray(row * k, (row + 1) * k)),
  )
}

function meanOf(distances: Float64Array): number {
  let sum = 0
  let count = 0
  for (const distance of distances) {
    if (distance === Infinity) break
    sum += distance
    count++
  }
  return count === 0 ? NaN : sum / count
}
