/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within sizes checked at the call */
import { elementCodes, OnnxGraph, type Tensor } from './onnx-graph.ts'
import { Random } from './random.ts'
import { runGraph } from './sessions.ts'

/** Answer of {@link kMeans}. */
export interface Clusters {
  /** `clusters` rows. */
  readonly centers: Float64Array
  /** Each row's cluster. */
  readonly labels: Int32Array
  /** Sum of squared distances to the centres. */
  readonly inertia: number
}

const mostIterations = 100
const tolerance = 1e-6

/**
 * Lloyd's k-means from k-means++ starts; the best of `starts` by inertia. Runs on the calling thread.
 *
 * A cluster that loses its rows takes the row farthest from its centre. Where there are fewer
 * different rows than clusters the last clusters stay empty. A tie goes to the first cluster.
 *
 * @see D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", 2007
 */
export async function kMeans(message: {
  readonly values: Float64Array
  readonly rows: number
  readonly columns: number
  readonly clusters: number
  readonly starts: number
  readonly seed: number
  readonly stream: number
}): Promise<Clusters> {
  const random = new Random(message.seed, message.stream)
  const data: Data = { ...message, squares: squaresOf(message) }
  let best: Clusters | undefined
  for (let start = 0; start < message.starts; start++) {
    const found = await lloyd(data, seedCenters(data, random))
    if (!best || found.inertia < best.inertia) best = found
  }
  if (!best) throw new Error('Expected at least one start')
  return best
}

interface Data {
  readonly values: Float64Array
  readonly rows: number
  readonly columns: number
  readonly clusters: number
  /** Squared length of each row. */
  readonly squares: Float64Array
}

async function lloyd(data: Data, centers: Float64Array): Promise<Clusters> {
  let last = Infinity
  for (let iteration = 0; ; iteration++) {
    const { labels, nearness, counts, sums } = await assign(data, centers)
    let inertia = 0
    for (let row = 0; row < data.rows; row++) inertia += distance(data, nearness, row)
    if (iteration === mostIterations || !(last - inertia > tolerance * inertia))
      return { centers, labels, inertia }
    last = inertia
    centers = sums.map((sum, at) => sum / counts[Math.floor(at / data.columns)]!)
    refill(data, centers, counts, nearness)
  }
}

/** Squared distance of a row to its centre; `nearness` is z·c − ‖c‖²/2 of the nearest. */
function distance({ squares }: Data, nearness: Float64Array, row: number): number {
  return Math.max(0, squares[row]! - 2 * nearness[row]!)
}

/** Puts the centre of an empty cluster on the row that is farthest from its own. */
function refill(
  data: Data,
  centers: Float64Array,
  counts: Float64Array,
  nearness: Float64Array,
): void {
  const { columns, values, squares } = data
  counts.forEach((n, cluster) => {
    if (n > 0) return
    let farthest = 0
    for (let row = 1; row < data.rows; row++)
      if (distance(data, nearness, row) > distance(data, nearness, farthest)) farthest = row
    centers.set(values.subarray(farthest * columns, (farthest + 1) * columns), cluster * columns)
    nearness[farthest] = squares[farthest]! / 2
  })
}

/** Draws each centre with a chance in proportion to the squared distance to those drawn before. */
function seedCenters(data: Data, random: Random): Float64Array {
  const { rows, columns, clusters, values } = data
  const centers = new Float64Array(clusters * columns)
  const nearest = new Float64Array(rows).fill(1)
  for (let cluster = 0; cluster < clusters; cluster++) {
    const total = nearest.reduce((a, b) => a + b, 0)
    let left = random.uniform() * total
    let row = 0
    while (row < rows - 1 && (left -= nearest[row]!) >= 0) row++
    const center = values.subarray(row * columns, (row + 1) * columns)
    centers.set(center, cluster * columns)
    for (let i = 0; i < rows; i++) {
      let sum = 0
      for (let j = 0; j < columns; j++) sum += (values[i * columns + j]! - center[j]!) ** 2
      if (cluster === 0 || sum < nearest[i]!) nearest[i] = sum
    }
  }
  return centers
}

function squaresOf(message: { values: Float64Array; rows: number; columns: number }): Float64Array {
  const { values, rows, columns } = message
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0
    for (let j = 0; j < columns; j++) sum += values[row * columns + j]! ** 2
    return sum
  })
}

async function assign(
  { values, rows, columns, clusters }: Data,
  centers: Float64Array,
): Promise<{
  labels: Int32Array
  nearness: Float64Array
  counts: Float64Array
  sums: Float64Array
}> {
  const halves = squaresOf({ values: centers, rows: clusters, columns }).map((s) => -s / 2)
  const counting = Array.from({ length: clusters }, (_, i) => i)
  const out = await runGraph(assignGraph, {
    rows: { type: 'float64', dims: [rows, columns], values },
    centers: { type: 'float64', dims: [clusters, columns], values: centers },
    halves: { type: 'float64', dims: [clusters], values: halves },
    numbers: { type: 'int64', dims: [clusters], values: BigInt64Array.from(counting, BigInt) },
  })
  return {
    labels: (out['labels'] as Tensor).values as Int32Array,
    nearness: (out['nearness'] as Tensor).values as Float64Array,
    counts: (out['counts'] as Tensor).values as Float64Array,
    sums: (out['sums'] as Tensor).values as Float64Array,
  }
}

const assignGraph = { key: 'k-means assign', model: makeAssignGraph() }

function makeAssignGraph(): Uint8Array {
  const g = new OnnxGraph()
  const rows = g.input('rows', 'float64', ['rows', 'columns'])
  const centers = g.input('centers', 'float64', ['clusters', 'columns'])
  const halves = g.input('halves', 'float64', ['clusters'])
  const numbers = g.input('numbers', 'int64', ['clusters'])
  const nearness = g.node('Gemm', [rows, centers, halves], { transB: 1 })
  const labels = g.node('ArgMax', [nearness], { axis: 1 })
  const equal = g.node('Equal', [labels, numbers])
  const members = g.node('Cast', [equal], { to: elementCodes.float64 })
  g.output('labels', 'int32', g.node('Cast', [labels], { to: elementCodes.int32 }))
  g.output('nearness', 'float64', g.node('ReduceMax', [nearness], { axes: [1], keepdims: 0 }))
  g.output('counts', 'float64', g.node('ReduceSum', [members, g.integers([0])], { keepdims: 0 }))
  g.output('sums', 'float64', g.node('Gemm', [members, rows], { transA: 1 }))
  return g.model()
}
