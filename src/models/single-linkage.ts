import type { TreeEdges } from './minimum-spanning-tree.ts'
import { UnionFind } from './union-find.ts'

/**
 * What hangs together at each distance, as a tree. Nodes below `numRows` are the rows; each other one joins its
 * children at its distance. What is joined at one distance is joined by one node, of as many children
 * as there are: so the tree is the same for every minimum spanning tree, in whatever order rows came.
 */
export interface Linkage {
  /** How many rows there are. */
  readonly numRows: number
  /** The node of all rows. */
  readonly root: number
  /** Per node: at what distance it joins its children; 0 for rows. */
  readonly distances: Float64Array
  /** Per node: how many rows it has. */
  readonly sizes: Int32Array
  /** Per node: its first child, or −1. */
  readonly firstChild: Int32Array
  /** Per node: the next child of the same parent, or −1. */
  readonly nextSibling: Int32Array
}

/** The tree of components, of the edges of a minimum spanning tree in the order of their weights. Time: rows · log rows. */
export function singleLinkage({ first, second, weights }: TreeEdges): Linkage {
  const numRows = weights.length + 1
  const joined = new UnionFind(numRows)
  const nodeOf = Int32Array.from({ length: numRows }, (_, row) => row)
  const tree = new GrowingLinkage(numRows)
  for (const [edge, weight] of weights.entries()) {
    const a = first[edge] ?? 0
    const b = second[edge] ?? 0
    const node = tree.join(nodeOf[joined.find(a)] ?? 0, nodeOf[joined.find(b)] ?? 0, weight)
    joined.unite(a, b)
    nodeOf[joined.find(a)] = node
  }
  return tree
}

class GrowingLinkage implements Linkage {
  readonly numRows: number
  readonly distances: Float64Array
  readonly sizes: Int32Array
  readonly firstChild: Int32Array
  readonly nextSibling: Int32Array
  root = 0
  readonly #lastChild: Int32Array
  #numNodes: number

  constructor(numRows: number) {
    const most = 2 * numRows - 1
    this.numRows = this.#numNodes = numRows
    this.distances = new Float64Array(most)
    this.sizes = new Int32Array(most).fill(1, 0, numRows)
    this.firstChild = new Int32Array(most).fill(-1)
    this.nextSibling = new Int32Array(most).fill(-1)
    this.#lastChild = new Int32Array(most).fill(-1)
  }

  /** Joins two nodes at a distance, in a node that it returns. */
  join(a: number, b: number, distance: number): number {
    if (a >= this.numRows && this.distances[a] === distance) this.root = a
    else {
      this.root = this.#numNodes++
      this.distances[this.root] = distance
      this.#adopt(a)
    }
    this.#adopt(b)
    return this.root
  }

  /** Puts a node under the root; one of the same distance gives it its children instead. */
  #adopt(node: number): void {
    const { root, numRows, distances, sizes, firstChild } = this
    sizes[root] = (sizes[root] ?? 0) + (sizes[node] ?? 0)
    if (node >= numRows && distances[node] === distances[root])
      this.#append(firstChild[node] ?? -1, this.#lastChild[node] ?? -1)
    else this.#append(node, node)
  }

  #append(from: number, to: number): void {
    const last = this.#lastChild[this.root] ?? -1
    if (last < 0) this.firstChild[this.root] = from
    else this.nextSibling[last] = from
    this.#lastChild[this.root] = to
  }
}
