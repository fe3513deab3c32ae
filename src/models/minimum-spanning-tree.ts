import { UnionFind } from './union-find.ts'

/** The `k` nearest other rows of each row. */
export interface NearestRows {
  /** Neighbours per row. */
  readonly k: number
  /** `k` distances per row, ascending; ∞ where there are fewer. */
  readonly distances: Float64Array
  /** The numbers of their rows; −1 where there are fewer. */
  readonly rows: Int32Array
}

/** Edges of a tree, by weight; the lower row of each is its first. */
export interface TreeEdges {
  /** The lower rows. */
  readonly first: Int32Array
  /** The higher rows. */
  readonly second: Int32Array
  /** How long each edge is, ascending. */
  readonly weights: Float64Array
}

/** Per row the nearest of another component. */
export interface ForeignRows {
  /** Distances by mutual reachability; ∞ for none. */
  readonly distances: Float64Array
  /** Numbers of rows; −1 for none. */
  readonly rows: Int32Array
}

/**
 * The distance to the `minSamples`-th nearest row, the row itself being the first.
 *
 * @see R. Campello, D. Moulavi, J. Sander, "Density-based clustering based on hierarchical density estimates", 2013
 */
export function coreDistances({ k, distances }: NearestRows, minSamples: number): Float64Array {
  const numRows = distances.length / k
  const cores = new Float64Array(numRows)
  if (minSamples === 1) return cores
  for (let row = 0; row < numRows; row++) {
    let at = row * k + Math.min(k, minSamples - 1) - 1
    // With fewer rows than that the farthest counts.
    while (at > row * k && distances[at] === Infinity) at--
    const core = distances[at] ?? 0
    cores[row] = core === Infinity ? 0 : core
  }
  return cores
}

/**
 * A minimum spanning tree of mutual reachability distances, the largest of the distance of two rows and their core
 * distances, made in rounds: each component is joined by its shortest edge that leaves it (Borůvka).
 *
 * Most of these edges are among those to the nearest rows. That an edge is the shortest is certain when no
 * row of the component can have an unseen neighbour that is nearer: unseen rows are at least as far
 * as the last of its nearest ones. Where that is not certain, {@link uncertain} asks for the nearest row of
 * another component, to be found among all rows. The tree is exact. In each round one component may stay
 * uncertain, that with the most rows to be searched for.
 *
 * Memory: 44 bytes per row. Ties: the lower rows; with ties it is one of several minimum trees.
 *
 * @see O. Borůvka, "O jistém problému minimálním", 1926
 */
export class SpanningTree {
  /** Per row the nearest known row of another component. */
  readonly foreign: ForeignRows
  /** Per row its component: the lowest of its rows. */
  readonly components: Int32Array
  readonly #nearest: NearestRows
  readonly #cores: Float64Array
  /** Per row: no row of another component that is not known is nearer than this. */
  readonly #bounds: Float64Array
  readonly #joined: UnionFind
  /** By component: the row whose edge is the shortest that is known, or −1. */
  readonly #shortest: Int32Array
  readonly #edges: { first: Int32Array; second: Int32Array; weights: Float64Array }
  #numEdges = 0

  constructor(nearest: NearestRows, cores: Float64Array) {
    const numRows = cores.length
    const { k, distances } = nearest
    this.#nearest = nearest
    this.#cores = cores
    this.#joined = new UnionFind(numRows)
    this.components = Int32Array.from(cores.keys())
    this.foreign = {
      distances: new Float64Array(numRows).fill(Infinity),
      rows: new Int32Array(numRows).fill(-1),
    }
    this.#bounds = Float64Array.from(cores, (_, row) => distances[row * k + k - 1] ?? Infinity)
    this.#shortest = new Int32Array(numRows).fill(-1)
    const room = Math.max(0, numRows - 1)
    this.#edges = {
      first: new Int32Array(room),
      second: new Int32Array(room),
      weights: new Float64Array(room),
    }
    this.#look()
  }

  /** Whether all rows hang together. */
  get done(): boolean {
    return this.#numEdges >= this.#cores.length - 1
  }

  /** The edges, by weight. */
  edges(): TreeEdges {
    const { first, second, weights } = this.#edges
    const order = this.#byEdge(Int32Array.from(weights.keys()), (at) => [
      weights[at] ?? 0,
      first[at] ?? 0,
      second[at] ?? 0,
    ])
    return {
      first: order.map((at) => first[at] ?? 0),
      second: order.map((at) => second[at] ?? 0),
      weights: Float64Array.from(order, (at) => weights[at] ?? 0),
    }
  }

  /**
   * Per row: 1 where the nearest row of another component is to be put into {@link foreign} before the
   * next {@link join}. None if at least half of the components can be joined without.
   */
  uncertain(): Uint8Array | undefined {
    const { components } = this
    const uncertain = new Uint8Array(components.length)
    const rowsOf = new Int32Array(components.length)
    for (let row = 0; row < components.length; row++) {
      const component = components[row] ?? 0
      if ((this.#bounds[row] ?? 0) >= this.#weightOf(component)) continue
      uncertain[row] = 1
      rowsOf[component] = (rowsOf[component] ?? 0) + 1
    }
    let numComponents = 0
    let numUncertain = 0
    let spared = 0
    for (let component = 0; component < rowsOf.length; component++) {
      if (components[component] !== component) continue
      numComponents++
      if ((rowsOf[component] ?? 0) > 0) numUncertain++
      if ((rowsOf[component] ?? 0) > (rowsOf[spared] ?? 0)) spared = component
    }
    if (2 * numUncertain <= numComponents) return undefined
    for (let row = 0; row < components.length; row++)
      if (components[row] === spared) uncertain[row] = 0
    return uncertain
  }

  /** Says that the rows in `searched` have their nearest row of another component. */
  searched(searched: Uint8Array): void {
    for (let row = 0; row < searched.length; row++)
      if (searched[row] === 1) this.#bounds[row] = this.foreign.distances[row] ?? 0
    this.#findShortest()
  }

  /** Joins every component whose shortest edge is certain. */
  join(): void {
    const { components } = this
    const before = this.#numEdges
    const certain = new Uint8Array(components.length).fill(1)
    for (let row = 0; row < components.length; row++) {
      const component = components[row] ?? 0
      if ((this.#bounds[row] ?? 0) < this.#weightOf(component)) certain[component] = 0
    }
    const ends = this.#shortest.filter((row, component) => row >= 0 && certain[component] === 1)
    // By weight: then no edge closes a circle but one that is as long as another of it.
    for (const row of this.#byEdge(ends, (end) => this.#edgeOf(end))) {
      const [weight, first, second] = this.#edgeOf(row)
      if (!this.#joined.unite(first, second)) continue
      this.#edges.first[this.#numEdges] = first
      this.#edges.second[this.#numEdges] = second
      this.#edges.weights[this.#numEdges++] = weight
    }
    if (this.#numEdges === before) throw new Error('Expected a certain edge, got none')
    for (let row = 0; row < components.length; row++) components[row] = this.#joined.find(row)
    this.#look()
  }

  /** Looks among the nearest rows for those of other components. */
  #look(): void {
    const { distances, rows } = this.foreign
    const { k, ...nearest } = this.#nearest
    for (let row = 0; row < rows.length; row++) {
      const component = this.components[row]
      const known = rows[row] ?? -1
      if (known >= 0 && this.components[known] !== component) continue
      let best = -1
      let least = Infinity
      for (let at = row * k; at < row * k + k; at++) {
        const other = nearest.rows[at] ?? -1
        // They are in order of distance, so none further on is nearer.
        if (other < 0 || (nearest.distances[at] ?? 0) > least) break
        if (this.components[other] === component) continue
        const reached = Math.max(
          nearest.distances[at] ?? 0,
          this.#cores[row] ?? 0,
          this.#cores[other] ?? 0,
        )
        if (reached > least || (reached === least && other > best)) continue
        least = reached
        best = other
      }
      distances[row] = least
      rows[row] = best
    }
    this.#findShortest()
  }

  #findShortest(): void {
    this.#shortest.fill(-1)
    for (let row = 0; row < this.components.length; row++) {
      if ((this.foreign.rows[row] ?? -1) < 0) continue
      const component = this.components[row] ?? 0
      const shortest = this.#shortest[component] ?? -1
      if (shortest < 0 || compare(this.#edgeOf(row), this.#edgeOf(shortest)) < 0)
        this.#shortest[component] = row
    }
  }

  #weightOf(component: number): number {
    return this.foreign.distances[this.#shortest[component] ?? -1] ?? Infinity
  }

  #edgeOf(row: number): Edge {
    const other = this.foreign.rows[row] ?? 0
    return [this.foreign.distances[row] ?? 0, Math.min(row, other), Math.max(row, other)]
  }

  #byEdge(items: Int32Array, edge: (item: number) => Edge): Int32Array {
    return items.sort((a, b) => compare(edge(a), edge(b)))
  }
}

type Edge = readonly [weight: number, first: number, second: number]

function compare(a: Edge, b: Edge): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}
