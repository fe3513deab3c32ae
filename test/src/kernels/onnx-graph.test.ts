import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { elementCodes, type GraphValue, OnnxGraph } from '../../../src/kernels/onnx-graph.ts'

const x = Float64Array.of(1, -2, 3, 4, 5, -6)

const cases: readonly {
  readonly name: string
  readonly build: (g: OnnxGraph, x: GraphValue) => GraphValue
  readonly expected: readonly number[]
}[] = [
  { name: 'a node', build: (g, x) => g.node('Abs', [x]), expected: [1, 2, 3, 4, 5, 6] },
  {
    name: 'a scalar',
    build: (g, x) => g.node('Mul', [x, g.scalar(0.5)]),
    expected: [0.5, -1, 1.5, 2, 2.5, -3],
  },
  {
    name: 'an integer attribute',
    build: (g, x) => g.node('Gemm', [x, x], { transB: 1 }),
    expected: [14, -24, -24, 77],
  },
  {
    name: 'a float attribute and an optional input left out',
    build: (g, x) =>
      g.node('Clip', [
        g.node('Gemm', [x, x], { transB: 1, alpha: { float: 0.5 } }),
        undefined,
        g.scalar(9),
      ]),
    expected: [7, -12, -12, 9],
  },
  {
    name: 'a list attribute with a negative integer',
    build: (g, x) => g.node('ReduceMax', [x], { axes: [-1], keepdims: 0 }),
    expected: [3, 5],
  },
  {
    name: 'a text attribute',
    build: (g, x) => g.node('Einsum', [x], { equation: 'ij->ji' }),
    expected: [1, 4, -2, 5, 3, -6],
  },
  {
    name: 'several outputs and a list of integers',
    build: (g, x) => g.nodeOf(2, 'Split', [x, g.integers([1, 2])], { axis: 1 })[1] as GraphValue,
    expected: [-2, 3, 5, -6],
  },
  {
    name: 'a constant of more than 127 bytes',
    build: (g, x) => {
      const values = Float64Array.from({ length: 60 }, (_, i) => (i % 20 === 0 ? 1 : 0))
      return g.node('ReduceSum', [
        g.node('MatMul', [x, g.constant({ type: 'float64', dims: [3, 20], values })]),
        g.integers([1]),
      ])
    },
    expected: [2, 3],
  },
]

describe('OnnxGraph', () => {
  it.each(cases)('writes $name', async ({ build, expected }) => {
    const g = new OnnxGraph()
    g.output('y', 'float64', build(g, g.input('x', 'float64', ['rows', 3])))
    const session = await InferenceSession.create(g.model())
    const { y } = await session.run({ x: new Tensor('float64', x, [2, 3]) })
    expect([...(y?.data as Float64Array)]).toEqual(expected)
    await session.release()
  })

  it('keeps the names and types of inputs and outputs', async () => {
    const g = new OnnxGraph()
    const input = g.input('a', 'uint8', [4])
    const wide = g.node('Cast', [input], { to: elementCodes.float32 })
    g.output('twice', 'float32', g.node('Add', [wide, wide]))
    g.output('wide', 'float32', wide)
    const session = await InferenceSession.create(g.model())
    expect(session.inputMetadata).toMatchObject([{ name: 'a', type: 'uint8', shape: [4] }])
    expect(session.outputNames).toEqual(['twice', 'wide'])
    const out = await session.run({ a: new Tensor('uint8', Uint8Array.of(1, 2, 3, 255), [4]) })
    expect(out['twice']?.data).toEqual(Float32Array.of(2, 4, 6, 510))
    await session.release()
  })
})
