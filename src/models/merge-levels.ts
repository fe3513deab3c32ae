import { float32Deviation, float32Mean } from './float32-sums.ts'
import type { LinkageSteps } from './prim-linkage.ts'

/** A cluster at a level, the number of steps behind its deepest pair. */
export interface LevelRecord {
  /** Its level. */
  readonly level: number
  /** The last level at which it stands, as a copy of itself from the second on. */
  until: number
  /** The cluster that was merged into it in this step, or −1. */
  readonly merged: number
  /** How many of its members it has. */
  readonly count: number
  /** The member that came last. */
  readonly newest: number
  /** Mean distance of its steps. */
  readonly average: number
  /** Standard deviation of these distances; 1e-5 of one alone. */
  readonly deviation: number
  /** Whether its last distance is above the mean and one standard deviation. */
  readonly far: boolean
  /** Whether it is above the mean and two. */
  readonly veryFar: boolean
}

/** A cluster from its first pair on. */
export interface LevelCluster {
  /** Its rows, in the order in which they came; a record has the first `count`. */
  readonly members: number[]
  /** What it was, level by level. */
  readonly records: LevelRecord[]
}

/** All clusters, numbered by first pair. */
export interface MergeLevels {
  /** The clusters; of two that are merged the lower goes on. */
  readonly clusters: readonly LevelCluster[]
  /** The highest level of what was merged, 1 at least. */
  readonly highest: number
}

/** A cluster in the making. */
interface Open {
  readonly cid: number
  /** The distances of its steps. */
  readonly distances: Float32Array
}

/** Follows the steps of single linkage. Memory: one record per step, and the distances of open clusters. */
export function mergeLevels({ left, right, distances }: LinkageSteps): MergeLevels {
  const numRows = left.length + 1
  const clusters: LevelCluster[] = []
  const open = new Map<number, Open>()
  let highest = 1
  for (let step = 0; step < left.length; step++) {
    const a = left[step] ?? 0
    const b = right[step] ?? 0
    const distance = Math.fround(distances[step] ?? 0)
    const ofA = open.get(a)
    const ofB = open.get(b)
    open.delete(a)
    open.delete(b)
    let made: Open
    if (ofA && ofB) {
      highest = Math.max(highest, levelOf(clusters, ofA), levelOf(clusters, ofB))
      made = merge(clusters, ofA, ofB, distance)
    } else if (ofA ?? ofB) made = grow(clusters, (ofA ?? ofB) as Open, ofA ? b : a, distance)
    else made = begin(clusters, [a, b], distance)
    open.set(numRows + step, made)
  }
  return { clusters, highest }
}

type Clusters = LevelCluster[]

function levelOf(clusters: Clusters, { cid }: Open): number {
  return last(clusters[cid]).level
}

function last(cluster: LevelCluster | undefined): LevelRecord {
  return cluster?.records.at(-1) as LevelRecord
}

function begin(clusters: Clusters, members: number[], distance: number): Open {
  const cid = clusters.length
  const steps = Float32Array.of(distance)
  const where = { level: 0, merged: -1, count: 2, newest: members[1] ?? 0 }
  clusters.push({ members, records: [recordOf(where, steps)] })
  return { cid, distances: steps }
}

function grow(clusters: Clusters, { cid, distances }: Open, row: number, distance: number): Open {
  const cluster = clusters[cid] as LevelCluster
  const steps = joinedDistances(distances, new Float32Array(0), distance)
  const count = cluster.members.push(row)
  const level = last(cluster).level + 1
  cluster.records.push(recordOf({ level, merged: -1, count, newest: row }, steps))
  return { cid, distances: steps }
}

/** The distances of the higher node come first, as in DataEval: they are summed in this order. */
function merge(clusters: Clusters, a: Open, b: Open, distance: number): Open {
  const cid = Math.min(a.cid, b.cid)
  const merged = Math.max(a.cid, b.cid)
  const [ofA, ofB] = [last(clusters[a.cid]), last(clusters[b.cid])]
  const level = Math.max(ofA.level, ofB.level) + 1
  ofA.until = ofB.until = level - 1
  // The larger comes first among its members, so the last is one of the smaller.
  const { newest } = ofA.count >= ofB.count ? ofB : ofA
  const steps = joinedDistances(b.distances, a.distances, distance)
  const { members, records } = clusters[cid] as LevelCluster
  for (const row of clusters[merged]?.members ?? []) members.push(row)
  records.push(recordOf({ level, merged, count: members.length, newest }, steps))
  return { cid, distances: steps }
}

function joinedDistances(a: Float32Array, b: Float32Array, distance: number): Float32Array {
  const all = new Float32Array(a.length + b.length + 1)
  all.set(a)
  all.set(b, a.length)
  all[a.length + b.length] = distance
  return all
}

function recordOf(
  where: Pick<LevelRecord, 'level' | 'merged' | 'count' | 'newest'>,
  distances: Float32Array,
): LevelRecord {
  const average = float32Mean(distances)
  const deviation = distances.length > 1 ? float32Deviation(distances) : 1e-5
  const distance = distances.at(-1) ?? 0
  const far = distance > average + deviation
  const veryFar = distance > average + deviation + deviation
  return { ...where, until: where.level, average, deviation, far, veryFar }
}
