import { runKernel } from '../kernels/kernel.ts'
import { elementCodes, type GraphValue, OnnxGraph, type Tensor } from '../kernels/onnx-graph.ts'
import type { Graph } from '../kernels/sessions.ts'
import type { Matrix } from './model.ts'
import { blocksOf, rowsPerBlock } from './row-blocks.ts'

/** (x − mean)·Tᵀ for each row x, where `turn` holds the rows of T. Computes in float64, answers in the rows' type. */
export function project(rows: Matrix, mean: Float64Array, turn: Float64Array): Promise<Matrix> {
  return product(rows, mean, turn, turn.length / mean.length, projectGraphs)
}

/** mean + s·T for each row s, where `turn` holds the rows of T. Computes in float64, answers in the rows' type. */
export function unproject(rows: Matrix, mean: Float64Array, turn: Float64Array): Promise<Matrix> {
  return product(rows, mean, turn, mean.length, unprojectGraphs)
}

async function product(
  rows: Matrix,
  center: Float64Array,
  directions: Float64Array,
  width: number,
  graphs: Graphs,
): Promise<Matrix> {
  const type = rows.values instanceof Float32Array ? 'float32' : 'float64'
  const size = rows.rows * width
  const values = type === 'float32' ? new Float32Array(size) : new Float64Array(size)
  const dims = [directions.length / center.length, center.length]
  const mean: Tensor = { type: 'float64', dims: [center.length], values: center }
  const turn: Tensor = { type: 'float64', dims, values: directions }
  let at = 0
  for (const block of blocksOf(rows, rowsPerBlock(8 * center.length))) {
    const x: Tensor = { type, dims: [block.rows, block.columns], values: block.values }
    const { y } = await runKernel<'y'>(graphs[type], { x, mean, turn }, [x])
    values.set(y.values as Float64Array, at)
    at += block.rows * width
  }
  return { rows: rows.rows, columns: width, values }
}

type Graphs = Readonly<Record<'float32' | 'float64', Graph>>

const projectGraphs = graphsOf('project', (g, x, mean, turn) =>
  g.node('Gemm', [g.node('Sub', [x, mean]), turn], { transB: 1 }),
)
const unprojectGraphs = graphsOf('unproject', (g, x, mean, turn) => g.node('Gemm', [x, turn, mean]))

function graphsOf(
  name: string,
  body: (g: OnnxGraph, x: GraphValue, mean: GraphValue, turn: GraphValue) => GraphValue,
): Graphs {
  function graph(type: 'float32' | 'float64'): Graph {
    const g = new OnnxGraph()
    const x = g.node('Cast', [g.input('x', type, ['rows', 'in'])], { to: elementCodes.float64 })
    const mean = g.input('mean', 'float64', ['columns'])
    const turn = g.input('turn', 'float64', ['components', 'columns'])
    const y = g.node('Cast', [body(g, x, mean, turn)], { to: elementCodes[type] })
    g.output('y', type, y)
    return { key: `${name} ${type}`, model: g.model() }
  }
  return { float32: graph('float32'), float64: graph('float64') }
}
