import {
  type Attribute,
  elementCodes,
  type GraphValue,
  type OnnxGraph,
  type Tensor,
} from '../kernels/onnx-graph.ts'
import type { MixtureScoring } from '../models/mixture.ts'

/** How a feature map becomes a vector. */
export type Pooling = 'average' | 'max' | 'sum'

/** A feature map of fixed shape: pooled over all but its channels. */
export interface FeatureMap {
  /** Places: height · width. */
  readonly places: number
  /** Channels. */
  readonly channels: number
  /** Whether the channels come last. */
  readonly channelsLast: boolean
}

/** The fitted models of a scorer. */
export interface ScorerModels {
  /** See `Pca.projection`. */
  readonly pca: { readonly mean: Float64Array; readonly turn: Float64Array }
  /** See `GaussianMixture.scoring`. */
  readonly mixture: MixtureScoring
}

/** What a scorer gives of each row. */
export interface ScorerOutputs {
  /** float32 [rows, components] */
  readonly pca: GraphValue
  /** float64 [rows], natural log density */
  readonly familiarity: GraphValue
  /** float64 [rows], 0 to 100; undefined where the mixture has no training scores */
  readonly percentile: GraphValue | undefined
}

/*
 * The nodes here mean the same in every opset from 10 on, since they are joined to models of any: no operator
 * whose axes, bounds or types moved between attributes and inputs (Reduce…, Clip, Squeeze).
 */

/** The least opset whose operators are as they are used here. */
export const leastOpset = 10

/**
 * Bytes [rows, height, width, 3] as a model wants them: float32 by `table` [3, 256], which says what each byte becomes
 * by channel; integers as they are.
 */
export function fedPixels(
  g: OnnxGraph,
  pixels: GraphValue,
  how: {
    readonly table: Float32Array
    readonly layout: 'nhwc' | 'nchw'
    readonly type: 'float32' | 'int32' | 'uint8'
  },
): GraphValue {
  const value =
    how.type === 'float32'
      ? looked(g, pixels, how.table)
      : g.node('Cast', [pixels], { to: elementCodes[how.type] })
  return how.layout === 'nhwc' ? value : g.node('Transpose', [value], { perm: [0, 3, 1, 2] })
}

/** By a table and not by arithmetic, so that each value is the float32 that `infer` feeds. */
function looked(g: OnnxGraph, pixels: GraphValue, table: Float32Array): GraphValue {
  const index = g.node('Cast', [pixels], { to: elementCodes.int32 })
  const channels = constant(g, Int32Array.of(0, 256, 512), [3])
  return g.node('Gather', [constant(g, table, [768]), g.node('Add', [index, channels])], {
    axis: 0,
  })
}

/** The vector of a feature map, float32 [rows, channels]. Sums are gathered in float64. */
export function pooledMap(
  g: OnnxGraph,
  map: GraphValue,
  { places, channels, channelsLast }: FeatureMap,
  pooling: Pooling,
): GraphValue {
  const cube = reshaped(g, map, channelsLast ? [-1, places, channels] : [-1, channels, places])
  const byChannel = channelsLast ? g.node('Transpose', [cube], { perm: [0, 2, 1] }) : cube
  if (pooling === 'max') return reshaped(g, largest(g, byChannel), [-1, channels])
  const each = new Float64Array(places).fill(pooling === 'average' ? 1 / places : 1)
  const wide = cast(g, byChannel, 'float64')
  const sums = g.node('MatMul', [wide, constant(g, each, [places, 1])])
  return cast(g, reshaped(g, sums, [-1, channels]), 'float32')
}

/** Scores embeddings, float32 [rows, …]. Computed in float64 as our own scores are, with the PCA's rounded to float32. */
export function scored(
  g: OnnxGraph,
  embedding: GraphValue,
  { pca, mixture }: ScorerModels,
): ScorerOutputs {
  const columns = pca.mean.length
  const components = pca.turn.length / columns
  const rows = cast(g, reshaped(g, embedding, [-1, columns]), 'float64')
  const centered = g.node('Sub', [rows, constant(g, pca.mean, [columns])])
  const turn = constant(g, transposed(pca.turn, components, columns), [columns, components])
  const scores = cast(g, g.node('MatMul', [centered, turn]), 'float32')
  const density = logDensity(g, cast(g, scores, 'float64'), mixture)
  const flat = reshaped(g, density, [-1])
  const { quantiles } = mixture
  const percentile = quantiles.length > 1 ? percentileOf(g, density, quantiles) : undefined
  return { pca: scores, familiarity: flat, percentile }
}

/** The log density of rows, float64 [rows, 1]; see `src/kernels/mixture-graphs.ts` for the formulas. */
function logDensity(
  g: OnnxGraph,
  rows: GraphValue,
  { covariance, densities }: MixtureScoring,
): GraphValue {
  const { center, turn, bias, offset } = densities as Record<string, Tensor>
  const z = g.node('Sub', [rows, g.constant(center as Tensor)])
  const components = (bias as Tensor).values.length
  const products = g.node('MatMul', [
    covariance === 'diagonal' ? g.node('Concat', [z, squared(g, z)], { axis: 1 }) : z,
    g.constant(turn as Tensor),
  ])
  if (covariance === 'diagonal')
    return logSumExp(g, g.node('Add', [products, g.constant(bias as Tensor)]), components)
  const turned = g.node('Sub', [products, g.constant(offset as Tensor)])
  const halves = g.node('MatMul', [squared(g, turned), halfSums(g, components, offset as Tensor)])
  return logSumExp(g, g.node('Sub', [g.constant(bias as Tensor), halves]), components)
}

/** Sums half of each component's columns: [components · columns, components]. */
function halfSums(g: OnnxGraph, components: number, { values }: Tensor): GraphValue {
  const columns = values.length / components
  const sums = new Float64Array(values.length * components)
  for (let i = 0; i < values.length; i++) sums[i * components + Math.floor(i / columns)] = 0.5
  return constant(g, sums, [values.length, components])
}

/** log Σ exp over the columns of [rows, columns], as [rows, 1]. */
function logSumExp(g: OnnxGraph, logs: GraphValue, columns: number): GraphValue {
  const most = largest(g, logs)
  const shares = g.node('Exp', [g.node('Sub', [logs, most])])
  const ones = constant(g, new Float64Array(columns).fill(1), [columns, 1])
  return g.node('Add', [g.node('Log', [g.node('MatMul', [shares, ones])]), most])
}

/**
 * How many percent of the training scores lie at or below each density [rows, 1], linear between quantiles: each
 * step between two quantiles adds its share of what lies below. A step without width is one of the least width.
 */
function percentileOf(g: OnnxGraph, density: GraphValue, quantiles: Float64Array): GraphValue {
  const steps = quantiles.length - 1
  const starts = new Float64Array(steps)
  const rises = new Float64Array(steps)
  for (let i = 0; i < steps; i++) {
    const [from, to] = [quantiles[i] as number, quantiles[i + 1] as number]
    starts[i] = to > from ? from : below(from)
    rises[i] = 1 / (to - (starts[i] as number))
  }
  const along = g.node('Mul', [
    g.node('Sub', [density, constant(g, starts, [1, steps])]),
    constant(g, rises, [1, steps]),
  ])
  const shares = g.node('Min', [g.node('Max', [along, g.scalar(0)]), g.scalar(1)])
  const each = new Float64Array(steps).fill(100 / steps)
  return reshaped(g, g.node('MatMul', [shares, constant(g, each, [steps, 1])]), [-1])
}

/** The next smaller number, or one near it. */
function below(value: number): number {
  return value - Math.max(Math.abs(value) * Number.EPSILON, Number.MIN_VALUE)
}

/** The largest along the last axis, which stays with one value. */
function largest(g: OnnxGraph, value: GraphValue): GraphValue {
  const [most] = g.nodeOf(2, 'TopK', [value, g.integers([1])], { axis: -1 })
  return most as GraphValue
}

function squared(g: OnnxGraph, value: GraphValue): GraphValue {
  return g.node('Mul', [value, value])
}

function reshaped(g: OnnxGraph, value: GraphValue, shape: readonly number[]): GraphValue {
  return g.node('Reshape', [value, g.integers(shape)])
}

function cast(g: OnnxGraph, value: GraphValue, type: 'float32' | 'float64'): GraphValue {
  return g.node('Cast', [value], { to: elementCodes[type] } satisfies Record<string, Attribute>)
}

function constant(
  g: OnnxGraph,
  values: Float32Array | Float64Array | Int32Array,
  dims: readonly number[],
): GraphValue {
  const type =
    values instanceof Float32Array
      ? 'float32'
      : values instanceof Float64Array
        ? 'float64'
        : 'int32'
  return g.constant({ type, dims, values })
}

function transposed(values: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = values[row * columns + column] as number
  return out
}
