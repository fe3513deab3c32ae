import type { Linkage } from './single-linkage.ts'

/**
 * What is left of a {@link Linkage} when only parts of at least `minClusterSize` rows count as clusters. Cluster 0 has all
 * rows; a parent comes before its children. Densities are 1 / distance.
 */
export interface CondensedTree {
  /** Per cluster: the one that it split off from; −1 for the first. */
  readonly parents: Int32Array
  /** Per cluster: the density at which it split off; 0 for the first. */
  readonly births: Float64Array
  /** Per cluster: how many rows it has at first. */
  readonly sizes: Int32Array
  /** Per row: the last cluster that it is in. */
  readonly rowClusters: Int32Array
  /** Per row: the density at which it leaves that. */
  readonly rowDensities: Float64Array
}

/**
 * Condenses a tree, from the top: where a cluster falls into two or more parts that are large enough these are new
 * clusters; where into one, that goes on being the cluster; the rows of all other parts leave it. Time and memory are
 * linear in rows. A distance of 0 counts as the least that is more, so that copies are dense, not infinitely so.
 *
 * @see R. Campello, D. Moulavi, J. Sander, "Density-based clustering based on hierarchical density estimates", 2013
 */
export function condensedTree(linkage: Linkage, minClusterSize: number): CondensedTree {
  const { numRows, root, sizes } = linkage
  const density = densities(linkage)
  const parents = [-1]
  const births = [0]
  const clusterSizes = [numRows]
  const rowClusters = new Int32Array(numRows)
  const rowDensities = new Float64Array(numRows)
  const open: { node: number; cluster: number }[] = [{ node: root, cluster: 0 }]
  for (let next; (next = open.pop());) {
    const { node, cluster } = next
    const reached = density(node)
    const large = childrenOf(linkage, node).filter((child) => (sizes[child] ?? 0) >= minClusterSize)
    for (const row of rowsUnder(linkage, node, minClusterSize)) {
      rowClusters[row] = cluster
      rowDensities[row] = reached
    }
    for (const child of large) {
      if (large.length === 1) open.push({ node: child, cluster })
      else {
        open.push({ node: child, cluster: parents.length })
        parents.push(cluster)
        births.push(reached)
        clusterSizes.push(sizes[child] ?? 0)
      }
    }
  }
  return {
    parents: Int32Array.from(parents),
    births: Float64Array.from(births),
    sizes: Int32Array.from(clusterSizes),
    rowClusters,
    rowDensities,
  }
}

/** The density of a node. */
function densities({ distances }: Linkage): (node: number) => number {
  let least = Infinity
  for (const distance of distances) if (distance > 0 && distance < least) least = distance
  const most = least === Infinity ? 1 : 1 / least
  return (node) => Math.min(most, 1 / (distances[node] ?? 0))
}

function childrenOf({ firstChild, nextSibling }: Linkage, node: number): number[] {
  const children: number[] = []
  for (let child = firstChild[node] ?? -1; child >= 0; child = nextSibling[child] ?? -1)
    children.push(child)
  return children
}

/** The rows under a node, but for those under a node below it of at least `leaveOut` rows. */
function rowsUnder(linkage: Linkage, node: number, leaveOut: number): number[] {
  const rows: number[] = []
  const open = [node]
  for (let next; (next = open.pop()) !== undefined;) {
    if (next < linkage.numRows) rows.push(next)
    else
      for (const child of childrenOf(linkage, next))
        if ((linkage.sizes[child] ?? 0) < leaveOut) open.push(child)
  }
  return rows
}
