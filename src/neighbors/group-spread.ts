import { kernel } from '../kernels/kernel.ts'
import { embeddingsOf, type PairSource, pieces } from './duplicate-rows.ts'

/** Members of a group, evenly spread, whose main directions are taken. */
const sampledRows = 160
/** Variances below this share of the largest are rounding. */
const rounding = 1e-12

/** Where a member of a group lies. */
export interface Spread {
  /** Its row. */
  readonly row: number
  /** How far it is from the mean of its group. */
  readonly distance: number
  /** Along the direction of the most variance, from the mean. */
  readonly x: number
  /** Along that of the most of the rest. */
  readonly y: number
}

/** A group while it is looked at. */
interface Cloud {
  readonly mean: Float64Array
  numRows: number
  readonly sampled: ReadonlySet<number>
  readonly sample: Float64Array[]
  axes: readonly Float64Array[]
}

/**
 * Yields where each member of each group lies, by its embedding: the Euclidean distance from the
 * group's mean, and its place along the two main directions (PCA, of at most 160 members, evenly
 * spread; the sign is that which the member with the largest weight has). For cosine rows are brought
 * to length 1. Members without embedding are left out. Reads the table twice for as many groups as
 * `blockBytes` hold.
 */
export async function* groupSpread(
  source: PairSource,
  groups: readonly (readonly number[])[],
): AsyncGenerator<Spread> {
  const all = { ...source, takesPart: new Uint8Array(source.table.numRows).fill(1) }
  const { columns } = await embeddingsOf(all, [0])
  for (let from = 0; from < groups.length;) {
    const clouds = new Map<number, Cloud>()
    let to = from
    for (let bytes = 0; to < groups.length && bytes < source.blockBytes; to++) {
      const rows = groups[to] ?? []
      const cloud = emptyCloud(rows, columns)
      for (const row of rows) clouds.set(row, cloud)
      bytes += (cloud.sampled.size + 3) * columns * 8
    }
    from = to
    yield* spreadOf(all, clouds)
  }
}

function emptyCloud(rows: readonly number[], columns: number): Cloud {
  const count = Math.min(rows.length, sampledRows)
  const sampled = Array.from(
    { length: count },
    (_, i) => rows[Math.floor((i * rows.length) / count)],
  )
  return {
    mean: new Float64Array(columns),
    numRows: 0,
    sampled: new Set(sampled.filter((row) => row !== undefined)),
    sample: [],
    axes: [],
  }
}

async function* spreadOf(
  source: PairSource,
  clouds: ReadonlyMap<number, Cloud>,
): AsyncGenerator<Spread> {
  for await (const { row, values, cloud } of members(source, clouds)) {
    for (const [i, value] of values.entries()) cloud.mean[i] = (cloud.mean[i] ?? 0) + value
    cloud.numRows++
    if (cloud.sampled.has(row)) cloud.sample.push(values)
  }
  for (const cloud of new Set(clouds.values())) {
    for (const [i, sum] of cloud.mean.entries()) cloud.mean[i] = sum / cloud.numRows
    await findAxes(cloud)
  }
  for await (const { row, values, cloud } of members(source, clouds)) {
    const away = minus(values, cloud.mean)
    const [x = 0, y = 0] = cloud.axes.map((axis) => dot(away, axis))
    yield { row, distance: Math.sqrt(dot(away, away)), x, y }
  }
}

interface MemberRow {
  readonly row: number
  readonly values: Float64Array
  readonly cloud: Cloud
}

/** The members that have an embedding, with it. */
async function* members(
  source: PairSource,
  clouds: ReadonlyMap<number, Cloud>,
): AsyncGenerator<MemberRow> {
  for await (const { block, columns } of pieces(source, source.table.numRows))
    for (const [i, there] of block.hasEmbedding.entries()) {
      const row = block.offset + i
      const cloud = there === 1 ? clouds.get(row) : undefined
      if (!cloud) continue
      const values = Float64Array.from(block.embeddings.subarray(i * columns, (i + 1) * columns))
      yield { row, values: source.metric === 'cosine' ? unit(values) : values, cloud }
    }
}

/** The main directions of the sample, by the eigenvectors of its products: u of X·Xᵀ gives Xᵀ·u / √λ. */
async function findAxes(cloud: Cloud): Promise<void> {
  const rows = cloud.sample.map((values) => minus(values, cloud.mean))
  cloud.sample.length = 0
  const size = rows.length
  if (size < 2) return
  const matrix = new Float64Array(size * size)
  for (const [i, a] of rows.entries())
    for (const [j, b] of rows.entries())
      matrix[i * size + j] = j < i ? (matrix[j * size + i] ?? 0) : dot(a, b)
  const pairs = await kernel().call('eigen', { matrix, size, count: 2, seed: 0 })
  const [largest = 0] = pairs.values
  cloud.axes = [0, 1].flatMap((at) => {
    const value = pairs.values[at] ?? 0
    if (!(value > rounding * largest)) return []
    const weights = pairs.vectors.subarray(at * size, (at + 1) * size)
    return [axisOf(rows, weights, Math.sqrt(value))]
  })
}

function axisOf(
  rows: readonly Float64Array[],
  weights: Float64Array,
  length: number,
): Float64Array {
  const axis = new Float64Array(rows[0]?.length ?? 0)
  const heaviest = weights.reduce((a, b) => (Math.abs(b) > Math.abs(a) * (1 + 1e-9) ? b : a), 0)
  for (const [i, row] of rows.entries()) {
    const weight = ((weights[i] ?? 0) / length) * Math.sign(heaviest)
    for (const [j, value] of row.entries()) axis[j] = (axis[j] ?? 0) + weight * value
  }
  return axis
}

function unit(values: Float64Array): Float64Array {
  const length = Math.sqrt(dot(values, values))
  return length === 0 ? values : values.map((value) => value / length)
}

function minus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value - (b[i] ?? 0))
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (const [i, value] of a.entries()) sum += value * (b[i] ?? 0)
  return sum
}
