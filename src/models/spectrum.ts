/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within rows × columns */
import { kernel, runKernel } from '../kernels/kernel.ts'
import { OnnxGraph, type Tensor } from '../kernels/onnx-graph.ts'
import type { Matrix } from './model.ts'
import type { Scatter } from './scatter.ts'

/**
 * A scatter matrix by its largest eigenpairs: about twice as many as are asked for, so that online
 * learning can go on from them.
 */
export interface Spectrum {
  /** Rows it stands for. */
  readonly rows: number
  /** Their mean. */
  readonly mean: Float64Array
  /** Trace of the scatter, of which the values hold the largest part. */
  readonly total: number
  /** Eigenvalues of the scatter, descending. */
  readonly values: Float64Array
  /** Row i is the unit vector of value i, or 0 where the value is 0. */
  readonly vectors: Float64Array
}

/** How to search for pairs. */
export interface Search {
  /** How many are needed. */
  readonly count: number
  /** For the random start of the search. */
  readonly seed: number
}

/** Eigenvalues below this share of the largest are rounding. */
const rounding = 1e-13

/** The spectrum of no rows. */
export function emptySpectrum(columns: number): Spectrum {
  const none = new Float64Array(0)
  return { rows: 0, mean: new Float64Array(columns), total: 0, values: none, vectors: none }
}

/** The `count` largest pairs of a scatter, exactly, and some beyond. */
export async function spectrumOf(scatter: Scatter, search: Search): Promise<Spectrum> {
  const { rows, mean } = scatter
  const size = mean.length
  const matrix = scatter.matrix()
  let total = 0
  for (let i = 0; i < size; i++) total += matrix[i * size + i]!
  const pairs = await kernel().call('eigen', { matrix, size, ...search }, [
    matrix.buffer as ArrayBuffer,
  ])
  return { rows, mean, total, ...withoutRounding(pairs.values, pairs.vectors, size) }
}

/**
 * Adds a block of rows: the pairs of the stacked rows [√λ·v; x − block mean; √(n·b/(n+b))·δ], with δ
 * the difference of the means, of which those beyond the bound are left out. Exact while the rank
 * stays within the bound.
 *
 * @see D. Ross et al., "Incremental learning for robust visual tracking", 2008
 */
export function addBlock(spectrum: Spectrum, block: Matrix, search: Search): Promise<Spectrum> {
  const { rows, columns, values } = block
  const mean = new Float64Array(columns)
  for (let at = 0; at < values.length; at++) mean[at % columns]! += values[at]! / rows
  const centered = Float64Array.from(values, (value, at) => value - mean[at % columns]!)
  const total = squares(centered)
  return joined(spectrum, { rows, mean, total, factors: centered }, search)
}

/** Adds the rows of another spectrum. */
export function mergeSpectra(a: Spectrum, b: Spectrum, search: Search): Promise<Spectrum> {
  const { rows, mean, total } = b
  return joined(a, { rows, mean, total, factors: factorsOf(b) }, search)
}

/** Rows whose scatter about 0 is the scatter about the mean. */
interface Factored {
  readonly rows: number
  readonly mean: Float64Array
  readonly total: number
  readonly factors: Float64Array
}

async function joined(a: Spectrum, b: Factored, search: Search): Promise<Spectrum> {
  if (b.rows === 0) return a
  const columns = b.mean.length
  const rows = a.rows + b.rows
  const weight = Math.sqrt((a.rows * b.rows) / rows)
  const delta = b.mean.map((m, i) => m - a.mean[i]!)
  const scaled = delta.map((d) => d * weight)
  const mean = a.mean.map((m, i) => m + (b.rows / rows) * delta[i]!)
  const total = a.total + b.total + squares(scaled)
  const stacked = join([factorsOf(a), b.factors, scaled])
  return { rows, mean, total, ...(await decompose(stacked, columns, search)) }
}

function factorsOf({ values, vectors, mean }: Spectrum): Float64Array {
  const columns = mean.length
  return vectors.map((v, at) => v * Math.sqrt(values[Math.floor(at / columns)]!))
}

/** The largest eigenpairs of AᵀA, by way of AAᵀ where that is smaller. */
async function decompose(
  stacked: Float64Array,
  columns: number,
  search: Search,
): Promise<Pick<Spectrum, 'values' | 'vectors'>> {
  const rows = stacked.length / columns
  const a: Tensor = { type: 'float64', dims: [rows, columns], values: stacked }
  const narrow = columns <= rows
  const { gram } = await runKernel<'gram'>(narrow ? innerGraph : outerGraph, { a })
  const size = narrow ? columns : rows
  const matrix = gram.values as Float64Array
  const pairs = await kernel().call(
    'eigen',
    { matrix, size, seed: search.seed, count: Math.min(search.count, size) },
    [matrix.buffer as ArrayBuffer],
  )
  const { values, vectors } = withoutRounding(pairs.values, pairs.vectors, size)
  if (narrow) return { values, vectors }
  const left = vectors.map((u, at) => {
    const value = values[Math.floor(at / size)]!
    return value > 0 ? u / Math.sqrt(value) : 0
  })
  const turn: Tensor = { type: 'float64', dims: [values.length, size], values: left }
  const { product } = await runKernel<'product'>(productGraph, { turn, a }, [turn, a])
  return padded(values, product.values as Float64Array, search.count, columns)
}

/** With zeros for pairs that are asked for and not there. */
function padded(
  values: Float64Array,
  vectors: Float64Array,
  count: number,
  columns: number,
): Pick<Spectrum, 'values' | 'vectors'> {
  const missing = Math.max(0, count - values.length)
  return {
    values: join([values, new Float64Array(missing)]),
    vectors: join([vectors, new Float64Array(missing * columns)]),
  }
}

function withoutRounding(
  values: Float64Array,
  vectors: Float64Array,
  size: number,
): Pick<Spectrum, 'values' | 'vectors'> {
  const floor = rounding * (values[0] ?? 0)
  const kept = values.map((value) => (value > floor ? value : 0))
  return {
    values: kept,
    vectors: vectors.map((v, at) => (kept[Math.floor(at / size)]! > 0 ? v : 0)),
  }
}

function squares(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}

function join(parts: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function gramOf(
  key: string,
  attributes: Record<string, number>,
): { key: string; model: Uint8Array } {
  const g = new OnnxGraph()
  const a = g.input('a', 'float64', ['rows', 'columns'])
  g.output('gram', 'float64', g.node('Gemm', [a, a], attributes))
  return { key, model: g.model() }
}

const innerGraph = gramOf('gram of columns', { transA: 1 })
const outerGraph = gramOf('gram of rows', { transB: 1 })
const productGraph = { key: 'product', model: makeProductGraph() }

function makeProductGraph(): Uint8Array {
  const g = new OnnxGraph()
  const turn = g.input('turn', 'float64', ['pairs', 'rows'])
  const a = g.input('a', 'float64', ['rows', 'columns'])
  g.output('product', 'float64', g.node('MatMul', [turn, a]))
  return g.model()
}
