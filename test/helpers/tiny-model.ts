import { type ElementType, OnnxGraph } from '../../src/kernels/onnx-graph.ts'

/** A model of one node: input `x` of `shape`, output `y` of the same. */
export function tinyModel({
  shape,
  type = 'float32',
  operator = 'Identity',
}: {
  readonly shape: readonly (number | string)[]
  readonly type?: ElementType
  readonly operator?: string
}): Uint8Array {
  const graph = new OnnxGraph()
  const x = graph.input('x', type, shape)
  graph.output('y', type, graph.node(operator, [x]))
  return graph.model()
}

/**
 * A model whose run fails on a picture of which the mean is 1, as white is under `range: [0, 1]`: the
 * mean is an index into a list of one value, which is added to `x` of `shape`.
 */
export function whiteRefusingModel(shape: readonly (number | string)[]): Uint8Array {
  const graph = new OnnxGraph()
  const x = graph.input('x', 'float32', shape)
  const list = graph.constant({ type: 'float32', dims: [1], values: Float32Array.of(0) })
  const index = graph.node('Cast', [graph.node('ReduceMean', [x])], { to: 7 })
  graph.output('y', 'float32', graph.node('Add', [x, graph.node('Gather', [list, index])]))
  return graph.model()
}
