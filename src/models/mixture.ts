/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within components × columns (× columns) */
import { DataError } from '../errors.ts'
import { kernel, runKernel } from '../kernels/kernel.ts'
import {
  type Covariance,
  densityGraph,
  expectationGraph,
  momentGraph,
  responsibilityGraph,
} from '../kernels/mixture-graphs.ts'
import type { Tensor } from '../kernels/onnx-graph.ts'
import type { Matrix } from './model.ts'

/** A mixture; means and all that follows from them are relative to `center`. */
export interface MixtureParameters {
  /** Shape of the covariances. */
  readonly covariance: Covariance
  /** A point near the rows: squares are taken of the distance to it. */
  readonly center: Float64Array
  /** One per component; they add up to 1. */
  readonly weights: Float64Array
  /** [components, columns] */
  readonly means: Float64Array
  /** [components, columns] or [components, columns, columns] */
  readonly covariances: Float64Array
}

/** Sums over rows, weighted by responsibility; those of parts add up. */
export interface Moments {
  /** Rows. */
  rows: number
  /** Sum of the log densities. */
  density: number
  /** [components] */
  readonly counts: Float64Array
  /** [components, columns], of z */
  readonly sums: Float64Array
  /** [components, columns] of z², or [components, columns, columns] of z·zᵀ */
  readonly squares: Float64Array
}

/** What the kernel takes to score rows. */
export type Densities = Readonly<Record<string, Tensor>>

/** What it takes to score rows elsewhere. */
export interface MixtureScoring {
  /** Shape of the covariances. */
  readonly covariance: Covariance
  /** Inputs of `densityGraph`. */
  readonly densities: Densities
  /** Quantiles of the training scores; none if there was no fit. */
  readonly quantiles: Float64Array
}

/** Rows of a block: the widest intermediate has so many bytes per row. */
export function rowBytes(covariance: Covariance, components: number, columns: number): number {
  return 8 * (covariance === 'diagonal' ? 2 * columns + components : components * columns)
}

/** Numbers that a fit may choose: weights, means, covariances. */
export function freeParameters({ covariance, center, weights }: MixtureParameters): number {
  const [k, d] = [weights.length, center.length]
  return k - 1 + k * d + k * (covariance === 'diagonal' ? d : (d * (d + 1)) / 2)
}

/**
 * The Bayesian information criterion, p·ln n − 2·ln L, with p free parameters and the likelihood L of n rows; lower is better.
 *
 * @see G. Schwarz, "Estimating the dimension of a model", 1978
 */
export function bic(parameters: MixtureParameters, rows: number, meanLogDensity: number): number {
  return freeParameters(parameters) * Math.log(rows) - 2 * rows * meanLogDensity
}

/** Moments of no rows. */
export function emptyMoments(covariance: Covariance, components: number, columns: number): Moments {
  const size = components * columns
  return {
    rows: 0,
    density: 0,
    counts: new Float64Array(components),
    sums: new Float64Array(size),
    squares: new Float64Array(covariance === 'diagonal' ? size : size * columns),
  }
}

/** Adds `scale` times the moments `from`; what was there is scaled by `keep`. */
export function addMoments(to: Moments, from: Moments, scale = 1, keep = 1): void {
  to.rows = keep * to.rows + scale * from.rows
  to.density = keep * to.density + scale * from.density
  for (const name of ['counts', 'sums', 'squares'] as const) {
    const [into, values] = [to[name], from[name]]
    for (let i = 0; i < into.length; i++) into[i] = keep * into[i]! + scale * values[i]!
  }
}

/** Prepares a mixture for the kernel. */
export async function densitiesOf(parameters: MixtureParameters): Promise<Densities> {
  const { covariance, center, weights, means, covariances } = parameters
  const [k, d] = [weights.length, center.length]
  const bias = weights.map((w) => Math.log(w) - (d / 2) * Math.log(2 * Math.PI))
  if (covariance === 'diagonal') {
    const turn = new Float64Array(2 * d * k)
    for (let c = 0; c < k; c++)
      for (let j = 0; j < d; j++) {
        const [mean, variance] = [means[c * d + j]!, covariances[c * d + j]!]
        if (!(variance > 0)) throw singular(c)
        turn[j * k + c] = mean / variance
        turn[(d + j) * k + c] = -0.5 / variance
        bias[c]! -= 0.5 * (Math.log(variance) + (mean * mean) / variance)
      }
    return { center: doubles(center), turn: doubles(turn, 2 * d, k), bias: doubles(bias) }
  }
  const request = { matrices: covariances, size: d, count: k }
  const { inverses, logDeterminants, failed } = await kernel().call('cholesky', request)
  if (failed >= 0) throw singular(failed)
  const turn = new Float64Array(d * k * d)
  const offset = new Float64Array(k * d)
  for (let c = 0; c < k; c++) {
    bias[c]! -= logDeterminants[c]!
    for (let i = 0; i < d; i++)
      for (let j = i; j < d; j++) {
        const value = inverses[(c * d + i) * d + j]!
        turn[(i * k + c) * d + j] = value
        offset[c * d + j]! += means[c * d + i]! * value
      }
  }
  return {
    center: doubles(center),
    turn: doubles(turn, d, k * d),
    bias: doubles(bias),
    offset: doubles(offset),
    cube: integers(-1, k, d),
  }
}

function singular(component: number): DataError {
  return new DataError(
    `Expected positive definite covariances, got a singular one in component ${String(component)}: a larger \`regularization\` is needed`,
    { url: 'memory' },
  )
}

/** Log density of each row of a block, whose values move to the kernel. */
export async function logDensity(
  covariance: Covariance,
  densities: Densities,
  block: Matrix,
): Promise<Float64Array> {
  const x = tensorOf(block)
  const graph = densityGraph(covariance, x.type)
  const { density } = await runKernel<'density'>(graph, { ...densities, x }, [x])
  return density.values as Float64Array
}

/** Responsibilities [rows, components] of a block, whose values move to the kernel. */
export async function responsibilities(
  covariance: Covariance,
  densities: Densities,
  block: Matrix,
): Promise<Float64Array> {
  const x = tensorOf(block)
  const graph = responsibilityGraph(covariance, x.type)
  const out = await runKernel<'responsibilities'>(graph, { ...densities, x }, [x])
  return out.responsibilities.values as Float64Array
}

/** The E step over a block, whose values move to the kernel. */
export async function expectation(
  covariance: Covariance,
  densities: Densities,
  block: Matrix,
): Promise<{ moments: Moments; density: Float64Array }> {
  const x = tensorOf(block)
  const flat = flatShape(densities['bias']!.values.length, block.columns)
  const inputs = { ...densities, x, ...(covariance === 'full' ? { flat } : {}) }
  const out = await runKernel<MomentNames | 'density'>(
    expectationGraph(covariance, x.type),
    inputs,
    [x],
  )
  const density = out.density.values as Float64Array
  const sum = density.reduce((a, b) => a + b, 0)
  return { density, moments: momentsOf(out, block, sum) }
}

/** The moments of rows, relative to `center`, that each belong to the component that `labels` says. */
export async function labelledMoments(
  covariance: Covariance,
  center: Float64Array,
  rows: Matrix,
  labels: Int32Array,
  components: number,
): Promise<Moments> {
  const shares = new Float64Array(rows.rows * components)
  labels.forEach((label, row) => (shares[row * components + label] = 1))
  const flat = flatShape(components, rows.columns)
  const inputs = {
    x: tensorOf(rows),
    center: doubles(center),
    responsibilities: doubles(shares, rows.rows, components),
    ...(covariance === 'full' ? { flat } : {}),
  }
  return momentsOf(await runKernel<MomentNames>(momentGraph(covariance), inputs), rows, 0)
}

type MomentNames = 'counts' | 'sums' | 'squares'

/** Brings the outputs of the graphs into the layout of {@link Moments}. */
function momentsOf(
  out: Partial<Record<MomentNames, Tensor>>,
  { rows, columns: d }: Matrix,
  density: number,
): Moments {
  const counts = out.counts!.values as Float64Array
  const given = out.sums!.values as Float64Array
  const wide = out.squares?.values as Float64Array | undefined
  const k = counts.length
  const sums = new Float64Array(k * d)
  const squares = new Float64Array(wide ? k * d * d : k * d)
  for (let c = 0; c < k; c++) {
    const from = wide ? c * d : 2 * c * d
    sums.set(given.subarray(from, from + d), c * d)
    if (!wide) squares.set(given.subarray(from + d, from + 2 * d), c * d)
    else
      for (let i = 0; i < d; i++)
        squares.set(wide.subarray((i * k + c) * d, (i * k + c + 1) * d), (c * d + i) * d)
  }
  return { rows, density, counts, sums, squares }
}

function tensorOf({ rows, columns, values }: Matrix): Tensor & { type: 'float32' | 'float64' } {
  const type = values instanceof Float32Array ? 'float32' : 'float64'
  return { type, dims: [rows, columns], values }
}

function doubles(values: Float64Array, ...dims: number[]): Tensor {
  return { type: 'float64', dims: dims.length > 0 ? dims : [values.length], values }
}

function integers(...values: number[]): Tensor {
  return { type: 'int64', dims: [values.length], values: BigInt64Array.from(values, BigInt) }
}

function flatShape(components: number, columns: number): Tensor {
  return integers(-1, components * columns)
}
