import { OnnxGraph } from './onnx-graph.ts'
import type { Graph } from './sessions.ts'

/** `scores` = `queries` · `items`ᵀ + `bias`, one row of scores per query. */
export function scoreGraph(): Graph {
  const graph = new OnnxGraph()
  graph.output('scores', 'float32', scoresIn(graph))
  return { key: 'scores', model: graph.model() }
}

/** The `k` highest `scores` of each query, descending, and the `indices` of their items. */
export function topScoreGraph(): Graph {
  const graph = new OnnxGraph()
  const scores = scoresIn(graph)
  const k = graph.input('k', 'int64', [1])
  const [best, at] = graph.nodeOf(2, 'TopK', [scores, k], { axis: 1, largest: 1, sorted: 1 })
  if (best === undefined || at === undefined) throw new Error('Expected two outputs of TopK')
  graph.output('scores', 'float32', best)
  graph.output('indices', 'int32', graph.node('Cast', [at], { to: 6 }))
  return { key: 'top-scores', model: graph.model() }
}

function scoresIn(graph: OnnxGraph): ReturnType<OnnxGraph['input']> {
  const queries = graph.input('queries', 'float32', ['q', 'd'])
  const items = graph.input('items', 'float32', ['n', 'd'])
  const bias = graph.input('bias', 'float32', [1, 'n'])
  return graph.node('Gemm', [queries, items, bias], { transB: 1 })
}
