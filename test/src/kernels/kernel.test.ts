import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { closeKernel, kernel, runKernel } from '../../../src/kernels/kernel.ts'
import { OnnxGraph, type Tensor } from '../../../src/kernels/onnx-graph.ts'
import { Random } from '../../../src/kernels/random.ts'

afterAll(closeKernel)

function squareGraph(): { key: string; model: Uint8Array } {
  const g = new OnnxGraph()
  const x = g.input('x', 'float64', ['n'])
  g.output('y', 'float64', g.node('Mul', [x, x]))
  return { key: 'square', model: g.model() }
}

function vector(...values: number[]): Tensor {
  return { type: 'float64', dims: [values.length], values: Float64Array.from(values) }
}

describe('runKernel', () => {
  it('runs a graph, copies inputs, and moves those listed', async () => {
    const [kept, moved] = [vector(1, 2, 3), vector(4)]
    const first = await runKernel<'y'>(squareGraph(), { x: kept })
    const second = await runKernel<'y'>(squareGraph(), { x: moved }, [moved])
    expect(first.y).toEqual(vector(1, 4, 9))
    expect(second.y).toEqual(vector(16))
    expect(kept.values).toHaveLength(3)
    expect(moved.values).toHaveLength(0)
  })

  it('fails for a broken graph and goes on with the next', async () => {
    const broken = { key: 'broken', model: Uint8Array.of(1, 2, 3) }
    await expect(runKernel(broken, {})).rejects.toThrow(/protobuf|model/i)
    const { y } = await runKernel<'y'>(squareGraph(), { x: vector(5) })
    expect(y).toEqual(vector(25))
  })

  it('keeps no more sessions than it says, and makes those again that it released', async () => {
    const { model } = squareGraph()
    for (let i = 0; i < 70; i++)
      await runKernel({ key: `graph ${String(i)}`, model }, { x: vector(1) })
    const { y } = await runKernel<'y'>({ key: 'graph 0', model }, { x: vector(3) })
    expect(y).toEqual(vector(9))
  })

  it('starts again after it was closed', async () => {
    const call = runKernel<'y'>(squareGraph(), { x: vector(6) })
    await closeKernel()
    expect((await call).y).toEqual(vector(36))
    expect((await runKernel<'y'>(squareGraph(), { x: vector(7) })).y).toEqual(vector(49))
  })
})

describe('kernel', () => {
  it('loads the runtime of graphs at the first graph', async () => {
    const built = new URL('../../../dist/src/kernels/', import.meta.url).href
    const program = `import { kernel, runKernel } from '${built}kernel.js'
      const { OnnxGraph } = await import('${built}onnx-graph.js')
      const isLoaded = () => process.report.getReport().sharedObjects.some((o) => /onnxruntime/.test(o))
      await kernel().call('eigen', { matrix: Float64Array.of(4), size: 1, count: 1, seed: 1 })
      const before = isLoaded()
      const g = new OnnxGraph()
      const x = g.input('x', 'float64', ['n'])
      g.output('y', 'float64', g.node('Mul', [x, x]))
      const values = Float64Array.of(3)
      await runKernel({ key: 'square', model: g.model() }, { x: { type: 'float64', dims: [1], values } })
      console.log(before, isLoaded())`
    const folder = await mkdtemp(join(tmpdir(), 'millrace-kernel-'))
    const path = join(folder, 'program.mjs')
    await writeFile(path, program)
    const { stdout } = await promisify(execFile)(process.execPath, [path])
    await rm(folder, { recursive: true })
    expect(stdout).toBe('false true\n')
  })
})

/** H·diag(values)·H with a random reflection H. */
function symmetric(values: Float64Array): Float64Array {
  const size = values.length
  const random = new Random(3)
  const normal = Float64Array.from({ length: size }, () => random.normal())
  const length = Math.hypot(...normal)
  const h = (i: number, j: number): number =>
    (i === j ? 1 : 0) - (2 * (normal[i] ?? 0) * (normal[j] ?? 0)) / length ** 2
  const out = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      let sum = 0
      for (let p = 0; p < size; p++) sum += h(i, p) * (values[p] ?? 0) * h(p, j)
      out[i * size + j] = sum
    }
  return out
}

describe('eigen', () => {
  const size = 300
  it.each([
    ['slowly falling', (i: number) => 1 / (i + 1)],
    ['steeply falling', (i: number) => Math.exp(-i / 3)],
    ['nearly flat', (i: number) => 2 - i / 1000],
    ['of low rank', (i: number) => (i < 7 ? 7 - i : 0)],
    ['with one value far above', (i: number) => (i === 0 ? 1e6 : 1 / i)],
    ['zero', () => 0],
  ])('finds the top of a spectrum that is %s', async (_, value) => {
    const expected = Float64Array.from({ length: size }, (__, i) => value(i))
    const matrix = symmetric(expected)
    const { values, vectors } = await kernel().call('eigen', { matrix, size, count: 20, seed: 0 })
    const scale = value(0) || 1
    for (let i = 0; i < 20; i++) {
      expect(Math.abs((values[i] ?? NaN) - value(i)) / scale).toBeLessThan(1e-12)
      const v = vectors.subarray(i * size, (i + 1) * size)
      for (let row = 0; row < size; row++) {
        let product = 0
        for (let j = 0; j < size; j++) product += (matrix[row * size + j] ?? 0) * (v[j] ?? 0)
        expect(Math.abs(product - value(i) * (v[row] ?? NaN)) / scale).toBeLessThan(1e-8)
      }
    }
  })
})

describe('cholesky', () => {
  it('inverts factors and names the first matrix that is not positive definite', async () => {
    const matrices = Float64Array.of(4, 2, 2, 5, 1, 2, 2, 1)
    const { inverses, logDeterminants, failed } = await kernel().call('cholesky', {
      matrices,
      size: 2,
      count: 2,
    })
    expect([...inverses.subarray(0, 4)]).toEqual([0.5, -0.25, 0, 0.5])
    expect(logDeterminants[0]).toBeCloseTo(Math.log(4), 14)
    expect(failed).toBe(1)
  })
})

describe('cluster', () => {
  it('finds planted clusters, and leaves clusters empty where rows are too few', async () => {
    const values = Float64Array.of(0, 0, 10, 10, 0, 1, 10, 11, -20, 0)
    const request = { values, rows: 5, columns: 2, starts: 5, seed: 1, stream: 0 }
    const three = await kernel().call('cluster', { ...request, clusters: 3 })
    const [a, b, c, d, e] = three.labels
    expect([a === c, b === d, new Set([a, b, e]).size]).toEqual([true, true, 3])
    expect(three.inertia).toBeCloseTo(1, 12)
    const same = { ...request, values: new Float64Array(10).fill(3), clusters: 3 }
    const one = await kernel().call('cluster', same)
    expect([...one.labels]).toEqual([0, 0, 0, 0, 0])
    expect(one.inertia).toBe(0)
  })
})
