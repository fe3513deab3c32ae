import { UnionFind } from './union-find.ts'

/** Rows in float64. */
export interface Float64Rows {
  /** Length of a row. */
  readonly columns: number
  /** The rows, one after another. */
  readonly values: Float64Array
}

/**
 * Steps of single linkage by distance. A step joins the nodes `left` < `right`, of which those below the number of rows
 * are rows, and the others the steps before it.
 */
export interface LinkageSteps {
  /** The lower nodes. */
  readonly left: Int32Array
  /** The higher nodes. */
  readonly right: Int32Array
  /** How far apart they are, ascending. */
  readonly distances: Float64Array
}

/** The Euclidean distance of two rows. */
export function apart({ columns, values }: Float64Rows, a: number, b: number): number {
  let sum = 0
  for (let i = 0; i < columns; i++) {
    const difference = (values[a * columns + i] ?? 0) - (values[b * columns + i] ?? 0)
    sum += difference * difference
  }
  return Math.sqrt(sum)
}

/**
 * Single linkage by Prim's algorithm, of any two equally long edges in the order that SciPy takes them in. Time: rows² · columns.
 *
 * @see https://docs.scipy.org/doc/scipy/reference/generated/scipy.cluster.hierarchy.linkage.html (method 'single')
 */
export function primLinkage(rows: Float64Rows): LinkageSteps {
  const numRows = rows.values.length / rows.columns
  const edges = chain(rows, numRows).sort((a, b) => a.distance - b.distance)
  const joined = new UnionFind(numRows)
  const nodeOf = Int32Array.from({ length: numRows }, (_, row) => row)
  const steps = {
    left: new Int32Array(edges.length),
    right: new Int32Array(edges.length),
    distances: Float64Array.from(edges, ({ distance }) => distance),
  }
  for (const [step, { from, to }] of edges.entries()) {
    const a = nodeOf[joined.find(from)] ?? 0
    const b = nodeOf[joined.find(to)] ?? 0
    steps.left[step] = Math.min(a, b)
    steps.right[step] = Math.max(a, b)
    joined.unite(from, to)
    nodeOf[joined.find(from)] = numRows + step
  }
  return steps
}

interface Edge {
  readonly from: number
  readonly to: number
  readonly distance: number
}

/** Each row that the tree takes up, behind the one that it took up before. */
function chain(rows: Float64Rows, numRows: number): Edge[] {
  const least = new Float64Array(numRows).fill(Infinity)
  const inside = new Uint8Array(numRows)
  const edges: Edge[] = []
  for (let from = 0; edges.length < numRows - 1;) {
    inside[from] = 1
    let to = from
    let distance = Infinity
    for (let other = 0; other < numRows; other++) {
      if (inside[other] === 1) continue
      const measured = apart(rows, from, other)
      if (measured < (least[other] ?? 0)) least[other] = measured
      if ((least[other] ?? 0) >= distance) continue
      distance = least[other] ?? 0
      to = other
    }
    edges.push({ from, to, distance })
    from = to
  }
  return edges
}
