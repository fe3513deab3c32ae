import { elementCodes, type GraphValue, OnnxGraph } from './onnx-graph.ts'
import type { Graph } from './sessions.ts'

/** How the covariances of a mixture are shaped. */
export type Covariance = 'diagonal' | 'full'

/** Type of the rows that come in; all is computed in float64. */
export type RowType = 'float32' | 'float64'

/**
 * Graphs over a block of rows x, with z = x − `center`.
 *
 * `turn` and `bias` give log w + log N(z; μ, Σ) of each component:
 * - diagonal: bias + [z, z²]·turn, where turn is [2·columns, components];
 * - full: bias − ½‖z·turn − `offset`‖² of the component's columns, where turn is
 *   [columns, components·columns], each part (L⁻¹)ᵀ of Σ = L·Lᵀ.
 *
 * `cube` is [−1, components, columns] and `flat` is [−1, components·columns], for full covariances.
 */
interface Block {
  readonly g: OnnxGraph
  readonly z: GraphValue
  readonly covariance: Covariance
}

const graphs = new Map<string, Graph>()

/** Gives `density`: the log density of each row. */
export function densityGraph(covariance: Covariance, type: RowType): Graph {
  return cached(`mixture density ${covariance} ${type}`, (g) => {
    const block = rowsOf(g, covariance, type)
    g.output('density', 'float64', densityOf(block, joint(block), 0))
  })
}

/** Gives `responsibilities`: each component's share of each row. */
export function responsibilityGraph(covariance: Covariance, type: RowType): Graph {
  return cached(`mixture responsibility ${covariance} ${type}`, (g) => {
    const block = rowsOf(g, covariance, type)
    g.output('responsibilities', 'float64', shares(block, joint(block)).responsibilities)
  })
}

/** Gives `density` and the moments of the E step. */
export function expectationGraph(covariance: Covariance, type: RowType): Graph {
  return cached(`mixture expectation ${covariance} ${type}`, (g) => {
    const block = rowsOf(g, covariance, type)
    const { density, responsibilities } = shares(block, joint(block))
    g.output('density', 'float64', g.node('Squeeze', [density, g.integers([1])]))
    moments(block, responsibilities)
  })
}

/** Gives the moments for given `responsibilities`. */
export function momentGraph(covariance: Covariance): Graph {
  return cached(`mixture moments ${covariance}`, (g) => {
    const block = rowsOf(g, covariance, 'float64')
    moments(block, g.input('responsibilities', 'float64', ['rows', 'components']))
  })
}

function cached(key: string, build: (g: OnnxGraph) => void): Graph {
  const kept = graphs.get(key)
  if (kept) return kept
  const g = new OnnxGraph()
  build(g)
  const graph = { key, model: g.model() }
  graphs.set(key, graph)
  return graph
}

function rowsOf(g: OnnxGraph, covariance: Covariance, type: RowType): Block {
  const x = g.node('Cast', [g.input('x', type, ['rows', 'columns'])], { to: elementCodes.float64 })
  const z = g.node('Sub', [x, g.input('center', 'float64', ['columns'])])
  return { g, z, covariance }
}

/** log w + log N for each row and component. */
function joint({ g, z, covariance }: Block): GraphValue {
  const turn = g.input('turn', 'float64', ['in', 'out'])
  const bias = g.input('bias', 'float64', ['components'])
  if (covariance === 'diagonal') return g.node('Gemm', [withSquares(g, z), turn, bias])
  const offset = g.input('offset', 'float64', ['out'])
  const turned = g.node('Sub', [g.node('MatMul', [z, turn]), offset])
  const cube = g.node('Reshape', [turned, g.input('cube', 'int64', [3])])
  const lengths = g.node('ReduceSumSquare', [cube], { axes: [2], keepdims: 0 })
  return g.node('Sub', [bias, g.node('Mul', [lengths, g.scalar(0.5)])])
}

function densityOf({ g }: Block, logs: GraphValue, keepdims: 0 | 1): GraphValue {
  return g.node('ReduceLogSumExp', [logs], { axes: [1], keepdims })
}

function shares(
  block: Block,
  logs: GraphValue,
): { density: GraphValue; responsibilities: GraphValue } {
  const density = densityOf(block, logs, 1)
  const { g } = block
  return { density, responsibilities: g.node('Exp', [g.node('Sub', [logs, density])]) }
}

/**
 * Adds the outputs `counts` [components] and
 * - diagonal: `sums` [components, 2·columns] of z and z²;
 * - full: `sums` [components, columns] of z, `squares` [columns, components·columns] of z·zᵀ.
 */
function moments({ g, z, covariance }: Block, responsibilities: GraphValue): void {
  const counts = g.node('ReduceSum', [responsibilities, g.integers([0])], { keepdims: 0 })
  g.output('counts', 'float64', counts)
  const features = covariance === 'diagonal' ? withSquares(g, z) : z
  g.output('sums', 'float64', g.node('Gemm', [responsibilities, features], { transA: 1 }))
  if (covariance === 'diagonal') return
  const wide = g.node('Mul', [
    g.node('Unsqueeze', [responsibilities, g.integers([2])]),
    g.node('Unsqueeze', [z, g.integers([1])]),
  ])
  const flat = g.node('Reshape', [wide, g.input('flat', 'int64', [2])])
  g.output('squares', 'float64', g.node('Gemm', [z, flat], { transA: 1 }))
}

function withSquares(g: OnnxGraph, z: GraphValue): GraphValue {
  return g.node('Concat', [z, g.node('Mul', [z, z])], { axis: 1 })
}
