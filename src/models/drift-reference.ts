import { DataError } from '../errors.ts'
import type { Metric } from '../kernels/distance.ts'
import { float64Array, type Json, type ModelState, requireState, type StateArray } from './model.ts'
import { type ReferenceDistance, referenceDistances } from './reference-distance.ts'
import { kernelWidth } from './two-sample/mean-discrepancy.ts'

/** Kind of a saved reference. */
export const driftReferenceKind = 'drift-reference'
const version = 1

/** Rows that the kernel test takes of each sample at most. */
export const kernelRows = 500

/** How many rows have which text; null is one of them. */
export type Categories = ReadonlyMap<string | null, number>

/** The embeddings of a reference. */
export interface ReferenceEmbedding extends ReferenceDistance {
  /** Name of the column. */
  readonly column: string
  /** How far each of its rows is from the others, ascending. */
  readonly distances: Float64Array
  /** Width of the kernel of the kernel test. */
  readonly sigma: number
}

/** What later rows are compared with: a sample of each column. */
export interface DriftReference {
  /** Rows that the sample was drawn from. */
  readonly rowsSeen: number
  /** By column its numbers, ascending. */
  readonly numbers: ReadonlyMap<string, Float64Array>
  /** By column its texts. */
  readonly categories: ReadonlyMap<string, Categories>
  /** The embeddings, if there are any. */
  readonly embedding: ReferenceEmbedding | undefined
}

/** Learns of embeddings how far they are from each other. */
export async function referenceEmbedding(
  column: string,
  options: ReferenceDistance,
): Promise<ReferenceEmbedding> {
  const { reference } = options
  const distances = await referenceDistances(options, reference, { own: true })
  const sigma = kernelWidth(evenly(reference, kernelRows))
  return { ...options, column, distances: distances.filter((d) => !Number.isNaN(d)).sort(), sigma }
}

/** At most `most` rows of a matrix, evenly over all of them. */
export function evenly<V extends Float32Array | Float64Array>(
  matrix: { readonly rows: number; readonly columns: number; readonly values: V },
  most: number,
): { readonly rows: number; readonly columns: number; readonly values: V } {
  const { rows, columns, values } = matrix
  if (rows <= most) return matrix
  const taken = values.slice(0, most * columns) as V
  for (let i = 0; i < most; i++) {
    const row = Math.floor((i * rows) / most)
    taken.set(values.subarray(row * columns, (row + 1) * columns), i * columns)
  }
  return { rows: most, columns, values: taken }
}

/** What is saved of a reference. */
export function driftReferenceState(reference: DriftReference): ModelState {
  const { embedding } = reference
  const arrays: Record<string, StateArray> = {}
  const numbers = [...reference.numbers.keys()]
  for (const [i, values] of [...reference.numbers.values()].entries())
    arrays[`numbers_${String(i)}`] = { shape: [values.length], values }
  const categories: Json[] = []
  for (const [i, [column, counts]] of [...reference.categories].entries()) {
    const known = [...counts].filter(([text]) => text !== null)
    categories.push({ column, nulls: counts.get(null) ?? 0 })
    const shape = [known.length]
    arrays[`texts_${String(i)}`] = { shape, values: known.map(([text]) => String(text)) }
    const values = Float64Array.from(known, ([, count]) => count)
    arrays[`counts_${String(i)}`] = { shape, values }
  }
  if (embedding) {
    const { rows, columns, values } = embedding.reference
    arrays['embedding'] = { shape: [rows, columns], values }
    arrays['distances'] = { shape: [embedding.distances.length], values: embedding.distances }
  }
  const parameters: Record<string, Json> = { numbers, categories }
  if (embedding) {
    const { column, metric, k, sigma } = embedding
    parameters['embedding'] = { column, metric, k, sigma }
  }
  const { rowsSeen } = reference
  return { kind: driftReferenceKind, version, rowsSeen, parameters, arrays }
}

/**
 * The reference that was saved.
 *
 * @throws {DataError} if the state is of another kind, version or shape
 */
export function driftReferenceOf(state: ModelState): DriftReference {
  requireState(state, driftReferenceKind, version)
  const { numbers, categories, embedding } = state.parameters as {
    numbers: string[]
    categories: { column: string; nulls: number }[]
    embedding?: { column: string; metric: Metric; k: number; sigma: number }
  }
  return {
    rowsSeen: state.rowsSeen,
    numbers: new Map(
      numbers.map((name, i) => [name, float64Array(state, `numbers_${String(i)}`, [null])]),
    ),
    categories: new Map(
      categories.map(({ column, nulls }, i) => [column, categoriesOf(state, i, nulls)]),
    ),
    embedding: embedding && {
      ...embedding,
      reference: embeddingOf(state),
      distances: float64Array(state, 'distances', [null]),
    },
  }
}

function categoriesOf(state: ModelState, i: number, nulls: number): Categories {
  const texts = state.arrays[`texts_${String(i)}`]?.values
  const counts = float64Array(state, `counts_${String(i)}`, [texts?.length ?? 0])
  const known = [...counts].map((count, at): [string | null, number] => [
    String(texts?.[at]),
    count,
  ])
  return new Map(nulls > 0 ? [...known, [null, nulls]] : known)
}

function embeddingOf(state: ModelState): ReferenceDistance['reference'] {
  const array = state.arrays['embedding']
  const [rows, columns] = array?.shape ?? []
  if (array?.values instanceof Float32Array && rows !== undefined && columns !== undefined)
    return { rows, columns, values: array.values }
  throw new DataError('Expected array `embedding` of float32 in two dimensions, got another', {
    url: state.origin ?? 'memory',
  })
}
