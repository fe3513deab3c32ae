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

/** A model that takes `x` of `shape` as integers and gives them as floats. */
export function integerModel(
  shape: readonly (number | string)[],
  type: 'uint8' | 'int32',
): Uint8Array {
  const graph = new OnnxGraph()
  graph.output('y', 'float32', graph.node('Cast', [graph.input('x', type, shape)], { to: 1 }))
  return graph.model()
}

/** A model that gives the places of the values of at most .5, as many as the picture has. */
export function placesModel(shape: readonly (number | string)[]): Uint8Array {
  const graph = new OnnxGraph()
  const x = graph.input('x', 'float32', shape)
  const half = graph.constant({ type: 'float32', dims: [], values: Float32Array.of(0.5) })
  const first = graph.constant({ type: 'int64', dims: [1], values: BigInt64Array.of(0n) })
  const places = graph.node('NonZero', [graph.node('LessOrEqual', [x, half])])
  const row = graph.node('Unsqueeze', [graph.node('Cast', [places], { to: 1 }), first])
  graph.output('y', 'float32', row)
  return graph.model()
}
