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
