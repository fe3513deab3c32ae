import { type RecordBatch, vectorFromArray } from 'apache-arrow'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { fixedShapeTensor } from '../../src/batch/tensor.ts'
import { Flow } from '../../src/flow/flow.ts'

/** A row: where it lies (null for no embedding), and the text in its other columns. */
export interface Point extends Readonly<Record<string, unknown>> {
  readonly id: string
  readonly at: readonly number[] | null
}

/** Points with the ids `0`, `1` … */
export function pointsAt(places: readonly (readonly number[] | null)[]): Point[] {
  return places.map((at, row) => ({ id: String(row), at }))
}

/** The columns of points, with `at` as `embedding` of `length` numbers, in batches of `size` rows. */
export function pointBatches(points: readonly Point[], length: number, size = 500): RecordBatch[] {
  const names = Object.keys(points[0] ?? { id: '' }).filter((name) => name !== 'at')
  const field = fixedShapeTensor('embedding', [length])
  const batches: RecordBatch[] = []
  for (let from = 0; from < Math.max(1, points.length); from += size) {
    const part = points.slice(from, from + size)
    const text = names.map((name) =>
      textColumn(
        name,
        part.map((point) => (point[name] ?? null) as string | null),
      ),
    )
    const places = part.map(({ at }) => at && [...at])
    batches.push(batchOf([...text, { field, vector: vectorFromArray(places, field.type) }]))
  }
  return batches
}

/** A flow of batches. */
export function flowOfBatches(batches: readonly RecordBatch[]): Flow<RecordBatch> {
  const [first] = batches
  return new Flow<RecordBatch>(
    async function* () {
      for (const batch of batches) yield await Promise.resolve(batch)
    },
    { name: 'points', role: 'source', bounded: true, ...(first && { schema: () => first.schema }) },
  )
}
