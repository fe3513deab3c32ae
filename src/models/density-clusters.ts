import type { CondensedTree } from './condensed-tree.ts'

/** How clusters are chosen. */
export interface ClusterSelection {
  /** The clusters that last longest over all densities, or the smallest that do not split further. */
  readonly selection: 'eom' | 'leaf'
  /** Whether all rows may be one cluster. */
  readonly allowSingleCluster: boolean
}

/** What is said of each row. */
export interface DensityClusters {
  /** How many clusters there are. */
  readonly numClusters: number
  /** The row's cluster, numbered from 0 by first row; −1 for none. */
  readonly labels: Int32Array
  /** How much the row is in its cluster, 0 to 1. */
  readonly probabilities: Float64Array
  /** How much the row is an outlier, 0 to 1. */
  readonly outliers: Float64Array
}

/**
 * Chooses clusters of a condensed tree and says how much each row belongs to its own.
 *
 * - `eom`, excess of mass: a cluster's stability is the sum, over its rows, of the densities through which they are in
 *   it; the choice is that of the largest sum in which none contains another. Of equals the larger cluster.
 * - Probability: the density at which the row leaves, by the highest at which the cluster still is one.
 * - Outlier: 1 − the density at which the row leaves, by the highest at which any row of its last cluster is left (GLOSH).
 *
 * @see R. Campello, D. Moulavi, A. Zimek, J. Sander, "Hierarchical density estimates for data clustering, visualization, and outlier detection", 2015
 * @see L. McInnes, J. Healy, "Accelerated hierarchical density based clustering", 2017
 */
export function densityClusters(tree: CondensedTree, how: ClusterSelection): DensityClusters {
  const { parents, rowClusters, rowDensities } = tree
  const chosen = how.selection === 'leaf' ? leaves(tree, how) : mostMass(tree, how)
  /** By cluster: the chosen one that it is in. */
  const within = new Int32Array(parents.length).fill(-1)
  for (const [cluster, parent] of parents.entries())
    within[cluster] = chosen[cluster] === 1 ? cluster : (within[parent] ?? -1)
  const own = highestDensities(tree)
  const ever = own.slice()
  for (let cluster = parents.length - 1; cluster > 0; cluster--) {
    const parent = parents[cluster] ?? 0
    ever[parent] = Math.max(ever[parent] ?? 0, ever[cluster] ?? 0)
  }
  const numbers = new Map<number, number>()
  const labels = new Int32Array(rowClusters.length).fill(-1)
  const probabilities = new Float64Array(rowClusters.length)
  const outliers = new Float64Array(rowClusters.length)
  for (const [row, last] of rowClusters.entries()) {
    const density = rowDensities[row] ?? 0
    const highest = ever[last] ?? 0
    outliers[row] = highest > 0 ? 1 - density / highest : 0
    const cluster = within[last] ?? -1
    if (cluster < 0) continue
    const label = numbers.get(cluster) ?? numbers.size
    numbers.set(cluster, label)
    labels[row] = label
    const most = own[cluster] ?? 0
    probabilities[row] = most > 0 ? Math.min(1, density / most) : 1
  }
  return { numClusters: numbers.size, labels, probabilities, outliers }
}

/** Per cluster: the highest density at which a row or a part leaves it. */
function highestDensities({ parents, births, rowClusters, rowDensities }: CondensedTree) {
  const highest = new Float64Array(parents.length)
  for (const [row, cluster] of rowClusters.entries())
    highest[cluster] = Math.max(highest[cluster] ?? 0, rowDensities[row] ?? 0)
  for (const [cluster, parent] of parents.entries())
    if (parent >= 0) highest[parent] = Math.max(highest[parent] ?? 0, births[cluster] ?? 0)
  return highest
}

/** Per cluster: 1 if it has no children. */
function leaves({ parents }: CondensedTree, { allowSingleCluster }: ClusterSelection): Uint8Array {
  const chosen = new Uint8Array(parents.length).fill(1)
  for (const parent of parents) if (parent >= 0) chosen[parent] = 0
  if (!allowSingleCluster) chosen[0] = 0
  return chosen
}

/** Per cluster: 1 if it is in the choice of the most mass. */
function mostMass(tree: CondensedTree, { allowSingleCluster }: ClusterSelection): Uint8Array {
  const { parents } = tree
  const mass = stabilities(tree)
  const ofChildren = new Float64Array(parents.length)
  const chosen = new Uint8Array(parents.length)
  for (let cluster = parents.length - 1; cluster >= 0; cluster--) {
    const own = cluster === 0 && !allowSingleCluster ? -1 : (mass[cluster] ?? 0)
    chosen[cluster] = own >= (ofChildren[cluster] ?? 0) ? 1 : 0
    const parent = parents[cluster] ?? -1
    if (parent >= 0)
      ofChildren[parent] = (ofChildren[parent] ?? 0) + Math.max(own, ofChildren[cluster] ?? 0)
  }
  // What is inside a chosen one is not chosen.
  const inside = new Uint8Array(parents.length)
  for (const [cluster, parent] of parents.entries()) {
    inside[cluster] = parent >= 0 && (chosen[parent] === 1 || inside[parent] === 1) ? 1 : 0
    if (inside[cluster] === 1) chosen[cluster] = 0
  }
  return chosen
}

function stabilities({ parents, births, sizes, rowClusters, rowDensities }: CondensedTree) {
  const mass = new Float64Array(parents.length)
  for (const [row, cluster] of rowClusters.entries())
    mass[cluster] = (mass[cluster] ?? 0) + (rowDensities[row] ?? 0) - (births[cluster] ?? 0)
  for (const [cluster, parent] of parents.entries())
    if (parent >= 0)
      mass[parent] =
        (mass[parent] ?? 0) +
        (sizes[cluster] ?? 0) * ((births[cluster] ?? 0) - (births[parent] ?? 0))
  return mass
}
