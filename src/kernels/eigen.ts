/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within sizes checked at the call */
import { choleskyFactor, transposedInverse } from './cholesky.ts'
import { type GraphValue, OnnxGraph, type Tensor } from './onnx-graph.ts'
import { Random } from './random.ts'
import { type Graph, runGraph } from './sessions.ts'

/** Up to this many rows the whole decomposition (ml-matrix) is faster than products with a block. */
const wholeRows = 160
/** Products with the matrix after which the pairs are taken as they are. */
const mostProducts = 400
/** Largest growth of the filter; beyond it Cholesky loses the small directions. */
const mostGrowth = 1e9

/** Answer of {@link topEigen}. */
export interface Eigenpairs {
  /** Descending, none below 0: the pairs asked for, then those of the rest of the block. */
  readonly values: Float64Array
  /** Row i is the unit vector of value i. */
  readonly vectors: Float64Array
  /** Largest ‖A·v − λ·v‖ of the pairs asked for, as a share of the largest value. */
  readonly residual: number
}

/**
 * The largest eigenvalues of a positive semidefinite matrix and their vectors.
 *
 * Small matrices are decomposed whole. Others by subspace iteration with a block of twice `count`
 * vectors: a Chebyshev polynomial that damps what lies below the block (its degree as high as the
 * spread of the values allows, at most 4), CholeskyQR2, Rayleigh–Ritz; until each pair's residual is
 * below 1e-9 of its value (1e-13 of the largest). Runs on the calling thread.
 *
 * @see Y. Zhou, Y. Saad, "A Chebyshev–Davidson algorithm for large symmetric eigenproblems", 2007
 */
export async function topEigen(message: {
  readonly matrix: Float64Array
  readonly size: number
  readonly count: number
  readonly seed: number
}): Promise<Eigenpairs> {
  const { matrix, size, count, seed } = message
  const block = Math.min(size, Math.max(2 * count, count + 16))
  if (size <= wholeRows || 2 * block >= size) {
    const { values, vectors } = await wholeEigen(matrix, size)
    return {
      values: values.slice(0, block),
      vectors: vectors.slice(0, block * size),
      residual: 0,
    }
  }
  return subspace(tensor(matrix, size, size), { size, count, block, seed })
}

/** All eigenpairs, descending, negative rounding cut to 0. */
async function wholeEigen(
  matrix: Float64Array,
  size: number,
): Promise<{ values: Float64Array; vectors: Float64Array }> {
  // Loaded at the first decomposition, which many kernel threads never make.
  const { EigenvalueDecomposition, Matrix } = await import('ml-matrix')
  const decomposition = new EigenvalueDecomposition(Matrix.from1DArray(size, size, matrix), {
    assumeSymmetric: true,
  })
  const found = decomposition.realEigenvalues
  const order = found.map((_, i) => i).sort((a, b) => found[b]! - found[a]!)
  const columns = decomposition.eigenvectorMatrix
  const vectors = new Float64Array(size * size)
  order.forEach((column, row) => {
    for (let i = 0; i < size; i++) vectors[row * size + i] = columns.get(i, column)
  })
  return { values: Float64Array.from(order, (i) => Math.max(0, found[i]!)), vectors }
}

async function subspace(
  matrix: Tensor,
  { size, count, block, seed }: { size: number; count: number; block: number; seed: number },
): Promise<Eigenpairs> {
  const random = new Random(seed)
  let basis = await orthonormal(
    tensor(
      Float64Array.from({ length: size * block }, () => random.normal()),
      size,
      block,
    ),
  )
  for (let step = 0, products = 0; ; step++) {
    const pairs = await ritz(matrix, basis ?? raise(), block)
    products++
    const [largest = 0] = pairs.values
    if (largest === 0 || converged(pairs, count) || products >= mostProducts)
      return {
        values: pairs.values,
        vectors: transposed(pairs.vectors.values as Float64Array, size, block),
        residual: largest === 0 ? 0 : Math.max(...pairs.residuals.subarray(0, count)) / largest,
      }
    const cut = Math.max(pairs.values[block - 1]!, 1e-13 * largest)
    const degree = step < 2 ? 1 : degreeFor((2 * largest) / cut - 1)
    basis =
      (await orthonormal(await filtered(matrix, pairs, cut, degree))) ??
      (await orthonormal(await filtered(matrix, pairs, cut, 1))) ??
      pairs.vectors
    products += degree - 1
  }
}

interface Ritz {
  readonly values: Float64Array
  readonly vectors: Tensor
  readonly products: Tensor
  readonly residuals: Float64Array
}

function converged({ values, residuals }: Ritz, count: number): boolean {
  const floor = 1e-13 * values[0]!
  return residuals.subarray(0, count).every((residual, i) => residual <= 1e-9 * values[i]! + floor)
}

/** The highest degree whose polynomial grows the largest value by no more than allowed. */
function degreeFor(ratio: number): number {
  for (let degree = 4; degree > 1; degree--)
    if (Math.cosh(degree * Math.acosh(ratio)) <= mostGrowth) return degree
  return 1
}

/** Rayleigh–Ritz: the best pairs within the span of `basis`. */
async function ritz(matrix: Tensor, basis: Tensor, block: number): Promise<Ritz> {
  const { product, small } = await runGraph(projectGraph, { matrix, basis })
  const { values, vectors } = await wholeEigen((small as Tensor).values as Float64Array, block)
  const turned = await runGraph(turnGraph, {
    basis,
    product: product as Tensor,
    turn: tensor(transposed(vectors, block, block), block, block),
    values: tensor(values, 1, block),
  })
  return {
    values,
    vectors: turned['vectors'] as Tensor,
    products: turned['products'] as Tensor,
    residuals: (turned['residuals'] as Tensor).values as Float64Array,
  }
}

/** The Chebyshev polynomial of the matrix that stays within ±1 on [0, cut], times the vectors. */
async function filtered(
  matrix: Tensor,
  { vectors, products }: Ritz,
  cut: number,
  degree: number,
): Promise<Tensor> {
  const half = tensor(Float64Array.of(cut / 2), 1, 1)
  const { result } = await runGraph(filterGraph(degree), { matrix, vectors, products, half })
  return result as Tensor
}

/** CholeskyQR2 on columns scaled to length 1; nothing if they depend on each other. */
async function orthonormal(columns: Tensor): Promise<Tensor | undefined> {
  const [, block = 0] = columns.dims
  let current = columns
  for (let round = 0; round < 2; round++) {
    const { gram } = await runGraph(gramGraph, { columns: current })
    const factor = scaledInverse((gram as Tensor).values as Float64Array, block)
    if (!factor) return undefined
    const { result } = await runGraph(productGraph, {
      left: current,
      right: tensor(factor, block, block),
    })
    current = result as Tensor
  }
  return current
}

/** D·(L⁻¹)ᵀ where D·G·D = L·Lᵀ has a diagonal of ones. */
function scaledInverse(gram: Float64Array, size: number): Float64Array | undefined {
  const scale = Float64Array.from({ length: size }, (_, i) => 1 / Math.sqrt(gram[i * size + i]!))
  const scaled = gram.map((g, at) => g * scale[Math.floor(at / size)]! * scale[at % size]!)
  const lower = choleskyFactor(scaled, size)
  return lower && transposedInverse(lower, size).map((v, at) => v * scale[Math.floor(at / size)]!)
}

function transposed(values: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(values.length)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j]!
  return out
}

function tensor(values: Float64Array, ...dims: number[]): Tensor {
  return { type: 'float64', dims, values }
}

function raise(): never {
  throw new Error('Expected random vectors to be independent, got dependent ones')
}

/** Makes a float64 graph: named inputs of two dimensions in, named outputs out. */
function graphOf<Names extends string>(
  key: string,
  names: readonly Names[],
  build: (graph: OnnxGraph, inputs: Record<Names, GraphValue>) => Record<string, GraphValue>,
): Graph {
  const graph = new OnnxGraph()
  const entries = names.map((n) => [n, graph.input(n, 'float64', [`${n}0`, `${n}1`])])
  const inputs = Object.fromEntries(entries) as Record<Names, GraphValue>
  for (const [name, value] of Object.entries(build(graph, inputs)))
    graph.output(name, 'float64', value)
  return { key: `eigen ${key}`, model: graph.model() }
}

const gramGraph = graphOf('gram', ['columns'], (g, { columns }) => ({
  gram: g.node('Gemm', [columns, columns], { transA: 1 }),
}))

const productGraph = graphOf('product', ['left', 'right'], (g, { left, right }) => ({
  result: g.node('MatMul', [left, right]),
}))

const projectGraph = graphOf('project', ['matrix', 'basis'], (g, { matrix, basis }) => {
  const product = g.node('MatMul', [matrix, basis])
  return { product, small: g.node('Gemm', [basis, product], { transA: 1 }) }
})

const turnGraph = graphOf(
  'turn',
  ['basis', 'product', 'turn', 'values'],
  (g, { basis, product, turn, values }) => {
    const vectors = g.node('MatMul', [basis, turn])
    const products = g.node('MatMul', [product, turn])
    const difference = g.node('Sub', [products, g.node('Mul', [vectors, values])])
    const residuals = g.node('ReduceL2', [difference], { axes: [0], keepdims: 0 })
    return { vectors, products, residuals }
  },
)

const filterGraphs = [1, 2, 3, 4].map((degree) =>
  graphOf(
    `filter ${String(degree)}`,
    ['matrix', 'vectors', 'products', 'half'],
    (g, { matrix, vectors, products, half }) => {
      /** (A·T − h·T) / h */
      function mapped(value: GraphValue, product: GraphValue): GraphValue {
        return g.node('Sub', [g.node('Div', [product, half]), value])
      }
      let previous = vectors
      let result = mapped(vectors, products)
      for (let i = 1; i < degree; i++) {
        const next = mapped(result, g.node('MatMul', [matrix, result]))
        const doubled = g.node('Add', [next, next])
        ;[previous, result] = [result, g.node('Sub', [doubled, previous])]
      }
      return { result }
    },
  ),
)

function filterGraph(degree: number): Graph {
  return filterGraphs[degree - 1] as Graph
}
