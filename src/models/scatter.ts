/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the sizes of the slabs */
import { runKernel } from '../kernels/kernel.ts'
import { elementCodes, type GraphValue, OnnxGraph, type Tensor } from '../kernels/onnx-graph.ts'
import type { Graph } from '../kernels/sessions.ts'
import type { Matrix } from './model.ts'

/** From so many columns on, leaving out most of the lower triangle saves a third of the time. */
const slabColumns = 512
const slabs = 4

/**
 * Number, mean and scatter matrix Σ(x−mean)(x−mean)ᵀ of rows, in float64.
 *
 * A block is centred on its own mean and added by the rule of Chan: the scatter of n + b rows is the
 * sum of both plus n·b/(n+b)·δδᵀ, where δ is the difference of the means. δ, scaled, is one more row of
 * the centred block, so that a block costs one matrix product. The product leaves out the lower
 * triangle in slabs of columns. Memory: columns² · 8 bytes.
 *
 * @see T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for
 *   computing sample variances", 1979
 */
export class Scatter {
  readonly #columns: number
  readonly #edges: readonly number[]
  #rows = 0
  #mean: Float64Array
  #slabs: Tensor[]

  /** Of no rows. */
  constructor(columns: number) {
    this.#columns = columns
    const count = columns >= slabColumns ? slabs : 1
    this.#edges = Array.from({ length: count + 1 }, (_, i) => Math.floor((i * columns) / count))
    this.#mean = new Float64Array(columns)
    this.#slabs = this.#edges.slice(0, -1).map((from, i) => {
      const dims = [this.#edges[i + 1]! - from, columns - from]
      return { type: 'float64', dims, values: new Float64Array(dims[0]! * dims[1]!) }
    })
  }

  /** How many rows. */
  get rows(): number {
    return this.#rows
  }

  /** The mean of the rows. */
  get mean(): Float64Array {
    return this.#mean
  }

  /** Adds a block, whose values move to the kernel. */
  async add(block: Matrix): Promise<void> {
    const type = block.values instanceof Float32Array ? 'float32' : 'float64'
    const x: Tensor = { type, dims: [block.rows, block.columns], values: block.values }
    const [n, b] = [this.#rows, block.rows]
    const inputs = Object.fromEntries(this.#slabs.map((slab, i) => [`onto${String(i)}`, slab]))
    const old: Tensor = { type: 'float64', dims: [1, this.#columns], values: this.#mean }
    const weight = scalar(Math.sqrt((n * b) / (n + b)))
    const share = scalar(b / (n + b))
    const out = await runKernel(addGraph(type, this.#edges), { x, old, weight, share, ...inputs }, [
      x,
      ...this.#slabs,
    ])
    this.#rows += b
    this.#mean = out['mean']!.values as Float64Array
    this.#slabs = this.#slabs.map((_, i) => out[`slab${String(i)}`]!)
  }

  /** Adds the rows of `other`. */
  merge(other: Scatter): void {
    const [n, b] = [this.#rows, other.#rows]
    if (b === 0) return
    const delta = other.#mean.map((m, i) => m - this.#mean[i]!)
    const weight = (n * b) / (n + b)
    this.#slabs.forEach((slab, s) => {
      const [rows = 0, columns = 0] = slab.dims
      const first = this.#edges[s]!
      const [to, from] = [slab.values as Float64Array, other.#slabs[s]!.values as Float64Array]
      for (let i = 0; i < rows; i++) {
        const scale = weight * delta[first + i]!
        for (let j = 0; j < columns; j++) {
          const at = i * columns + j
          to[at]! += from[at]! + scale * delta[first + j]!
        }
      }
    })
    this.#mean = this.#mean.map((m, i) => m + (b / (n + b)) * delta[i]!)
    this.#rows += b
  }

  /** The whole scatter matrix. */
  matrix(): Float64Array {
    const d = this.#columns
    const out = new Float64Array(d * d)
    this.#slabs.forEach((slab, s) => {
      const [rows = 0, columns = 0] = slab.dims
      const first = this.#edges[s]!
      const values = slab.values as Float64Array
      for (let i = 0; i < rows; i++)
        for (let j = i; j < columns; j++) {
          const value = values[i * columns + j]!
          out[(first + i) * d + first + j] = value
          out[(first + j) * d + first + i] = value
        }
    })
    return out
  }
}

function scalar(value: number): Tensor {
  return { type: 'float64', dims: [], values: Float64Array.of(value) }
}

const graphs = new Map<string, Graph>()

function addGraph(type: 'float32' | 'float64', edges: readonly number[]): Graph {
  const key = `scatter ${type} ${edges.slice(1, -1).join()}`
  let graph = graphs.get(key)
  if (!graph) graphs.set(key, (graph = { key, model: makeAddGraph(type, edges) }))
  return graph
}

function makeAddGraph(type: 'float32' | 'float64', edges: readonly number[]): Uint8Array {
  const g = new OnnxGraph()
  const x = g.node('Cast', [g.input('x', type, ['rows', 'columns'])], { to: elementCodes.float64 })
  const old = g.input('old', 'float64', [1, 'columns'])
  const weight = g.input('weight', 'float64', [])
  const share = g.input('share', 'float64', [])
  const mean = g.node('ReduceMean', [x], { axes: [0], keepdims: 1 })
  const delta = g.node('Sub', [mean, old])
  g.output('mean', 'float64', g.node('Add', [old, g.node('Mul', [delta, share])]))
  const centered = g.node('Sub', [x, mean])
  const all = g.node('Concat', [centered, g.node('Mul', [delta, weight])], { axis: 0 })
  function columns(first: number, to: number): GraphValue {
    if (first === 0 && to === Infinity) return all
    const end = Math.min(to, 2 ** 31 - 1)
    return g.node('Slice', [all, g.integers([first]), g.integers([end]), g.integers([1])])
  }
  edges.slice(0, -1).forEach((first, i) => {
    const last = i === edges.length - 2
    const n = String(i)
    const onto = g.input(`onto${n}`, 'float64', [`rows${n}`, `columns${n}`])
    const left = columns(first, last ? Infinity : edges[i + 1]!)
    const sum = g.node('Gemm', [left, columns(first, Infinity), onto], { transA: 1 })
    g.output(`slab${n}`, 'float64', sum)
  })
  return g.model()
}
