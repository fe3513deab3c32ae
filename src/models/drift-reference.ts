import type { Metric } from '../kernels/distance.ts'
import { isWhole } from './manifest.ts'
import { float64Array, type Json, type ModelState, requireState, type StateArray } from './model.ts'
import { type ReferenceDistance, referenceDistances } from './reference-distance.ts'
import { areNames, firstUnsorted, savedCheck } from './saved-check.ts'
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
 * @throws {DataError} if the state is of another kind or version, or what it says cannot be
 */
export function driftReferenceOf(state: ModelState): DriftReference {
  requireState(state, driftReferenceKind, version)
  const check = savedCheck(state)
  const { numbers, categories, embedding } = state.parameters
  check(areNames(numbers), '`numbers` to be a list of different names', numbers)
  check(Array.isArray(categories), '`categories` to be a list', categories)
  const texts = (categories as readonly unknown[]).map((category, i) =>
    savedCategories(state, i, category),
  )
  const columns = texts.map(([column]) => column)
  check(areNames(columns), '`categories` of different columns', columns.join(', '))
  return {
    rowsSeen: state.rowsSeen,
    numbers: new Map(
      (numbers as readonly string[]).map((name, i) => [
        name,
        ascending(state, `numbers_${String(i)}`),
      ]),
    ),
    categories: new Map(texts),
    embedding: embedding === undefined ? undefined : savedEmbedding(state, embedding),
  }
}

/** Finite numbers that ascend. */
function ascending(state: ModelState, name: string): Float64Array {
  const values = float64Array(state, name, [null])
  const at = firstUnsorted(values)
  savedCheck(state)(at < 0, `array \`${name}\` of finite numbers that ascend`, values[at])
  return values
}

function savedCategories(state: ModelState, i: number, category: unknown): [string, Categories] {
  const check = savedCheck(state)
  const { column, nulls } = Object(category) as Record<string, unknown>
  check(typeof column === 'string', '`categories` with a `column` each', column)
  check(isWhole(nulls), '`categories` with a number of `nulls` each', nulls)
  const texts = state.arrays[`texts_${String(i)}`]?.values
  check(areNames(texts), `array \`texts_${String(i)}\` of different texts`, texts)
  const names = texts as readonly string[]
  const counts = float64Array(state, `counts_${String(i)}`, [names.length])
  const wrong = counts.find((count) => !isWhole(count) || count === 0)
  check(wrong === undefined, `array \`counts_${String(i)}\` of positive whole numbers`, wrong)
  const rows = counts.reduce((a, b) => a + b, nulls as number)
  check(rows <= state.rowsSeen, `\`categories\` of at most ${String(state.rowsSeen)} rows`, rows)
  const known = names.map((text, at): [string | null, number] => [text, counts[at] ?? 0])
  const none: [string | null, number][] = nulls === 0 ? [] : [[null, nulls as number]]
  return [column as string, new Map([...known, ...none])]
}

function savedEmbedding(state: ModelState, embedding: unknown): ReferenceEmbedding {
  const check = savedCheck(state)
  const { column, metric, k, sigma } = Object(embedding) as Record<string, unknown>
  check(typeof column === 'string', '`embedding` with a `column`', column)
  const metrics: readonly unknown[] = ['cosine', 'euclidean'] satisfies Metric[]
  check(metrics.includes(metric), "a `metric` of 'cosine' or 'euclidean'", metric)
  check(isWhole(k) && k !== 0, '`k` to be a positive whole number', k)
  check(Number.isFinite(sigma) && (sigma as number) > 0, 'a width `sigma` above 0', sigma)
  const reference = embeddingOf(state)
  const distances = ascending(state, 'distances')
  check((distances[0] ?? 0) >= 0, 'array `distances` of at least 0', distances[0])
  const { rows } = reference
  check(distances.length <= rows, `at most ${String(rows)} \`distances\``, distances.length)
  return {
    column: column as string,
    metric: metric as Metric,
    // As many as there are, where there are fewer: nothing is made of the size that was written.
    k: Math.min(k as number, Math.max(1, rows)),
    sigma: sigma as number,
    reference,
    distances,
  }
}

function embeddingOf(state: ModelState): ReferenceDistance['reference'] {
  const check = savedCheck(state)
  const { shape = [], values } = state.arrays['embedding'] ?? {}
  const [rows = 0, columns = 0] = shape
  const fits = shape.length === 2 && columns > 0 && rows * columns === values?.length
  check(fits, 'array `embedding` of two dimensions', shape.join('×'))
  check(values instanceof Float32Array, 'array `embedding` of float32', values)
  const floats = values as Float32Array
  const wrong = floats.find((value) => !Number.isFinite(value))
  check(wrong === undefined, 'array `embedding` of finite numbers', wrong)
  return { rows, columns, values: floats }
}
