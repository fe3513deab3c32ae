import { float32Deviation, float32Mean } from './float32-sums.ts'
import {
  type LevelCluster,
  type LevelRecord,
  type MergeLevels,
  mergeLevels,
} from './merge-levels.ts'
import { apart, type Float64Rows, primLinkage } from './prim-linkage.ts'
import { UnionFind } from './union-find.ts'

/** What DataEval's Clusterer says of rows, all by their number. */
export interface ClustererResult {
  /** Outside of a cluster. */
  readonly outliers: readonly number[]
  /** Near the border of a cluster. A row may be in both lists. */
  readonly potentialOutliers: readonly number[]
  /** Groups of rows that are the same or nearly, by first row. */
  readonly duplicates: readonly (readonly number[])[]
  /** Groups of rows that are near. */
  readonly potentialDuplicates: readonly (readonly number[])[]
}

/**
 * The Clusterer of DataEval v0.65: single linkage, levels at which its clusters were good, and what came later
 * as outliers; pairs within the mean spread of good clusters as potential duplicates.
 *
 * As there, merge distances are float32. Where no good cluster has as many rows as one must (5 % of all, 2
 * to 100) there is no spread, and no duplicates are reported, not even equal rows. Time: rows² · columns, three times; memory: rows.
 *
 * @see https://github.com/aria-ml/dataeval (v0.65.0, `dataeval.detectors.linters.Clusterer`)
 */
export function clusterRows(rows: Float64Rows): ClustererResult {
  const numRows = rows.values.length / rows.columns
  const least = Math.min(Math.max(2, Math.floor(numRows * 0.05)), 100)
  const levels = mergeLevels(primLinkage(rows))
  const lastGood =
    levels.clusters.length <= 1
      ? new Map([[0, Math.floor(numRows * 0.1)]])
      : lastGoodLevels(rows, levels, least)
  return {
    ...findOutliers(levels, lastGood, least),
    ...findDuplicates(rows, spreadOf(levels, lastGood, least)),
  }
}

interface Merge {
  readonly outer: number
  readonly inner: number
  readonly level: number
}

/** By cluster that took part in a bad merge: the last level at which it was good. */
function lastGoodLevels(
  rows: Float64Rows,
  levels: MergeLevels,
  least: number,
): Map<number, number> {
  const merges: Merge[] = []
  const between: number[] = []
  const inside: number[] = []
  for (const [outer, { records }] of levels.clusters.entries())
    for (const record of records) {
      if (record.merged < 0) continue
      const merge = { outer, inner: record.merged, level: record.level }
      const mean = record.veryFar || (record.far && record.count >= least)
      const distances = distancesBetween(rows, levels, merge)
      merges.push(merge)
      between.push(mean ? float32Mean(distances) : distances.reduce((a, b) => Math.max(a, b)))
      inside.push(
        records.reduce(
          (most, { level, average }) => (level < levels.highest ? Math.max(most, average) : most),
          0,
        ),
      )
    }
  const good = goodMerges(between, inside)
  const order = [...merges.keys()].sort((a, b) => (merges[b]?.level ?? 0) - (merges[a]?.level ?? 0))
  const last = new Map<number, number>()
  for (const at of order) {
    const { outer, inner, level } = merges[at] as Merge
    const known = last.get(outer)
    if (good[at] === true) {
      if (known !== undefined) last.set(outer, Math.max(known, level))
      continue
    }
    last.set(outer, known !== undefined && known > level ? level - 1 : (known ?? 0))
    if (!last.has(inner)) last.set(inner, 0)
  }
  return last
}

/** Per level below that of a merge the least distance of the two clusters. */
function distancesBetween(rows: Float64Rows, levels: MergeLevels, merge: Merge): Float32Array {
  const outer = levels.clusters[merge.outer] as LevelCluster
  const inner = levels.clusters[merge.inner] as LevelCluster
  const distances = new Float32Array(Math.min(merge.level, levels.highest))
  let least = Infinity
  let numOuter = 0
  let numInner = 0
  for (const level of distances.keys()) {
    // Their rows only grow, so only the new ones are measured.
    const outerTo = recordAt(outer, level).count
    const innerTo = recordAt(inner, level).count
    for (let i = 0; i < outerTo; i++)
      for (let j = i < numOuter ? numInner : 0; j < innerTo; j++)
        least = Math.min(least, apart(rows, outer.members[i] ?? 0, inner.members[j] ?? 0))
    numOuter = outerTo
    numInner = innerTo
    distances[level] = least
  }
  return distances
}

function recordAt({ records }: LevelCluster, level: number): LevelRecord {
  let low = 0
  let high = records.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((records[middle]?.until ?? 0) < level) low = middle + 1
    else high = middle
  }
  return records[low] as LevelRecord
}

/** Whether each merge is of what belongs together: below what is usual inside, or next to it. */
function goodMerges(between: readonly number[], inside: readonly number[]): boolean[] {
  const usual = Float32Array.from([...new Set(inside)].sort((a, b) => a - b)).map(Math.log)
  const limit = Math.fround(float32Mean(usual) + 2 * float32Deviation(usual))
  const values = Float32Array.from(between, Math.log)
  const off = values.map((value) => Math.abs(Math.fround(Math.fround(value - limit) / limit)))
  const next = off.filter((each, i) => !((values[i] ?? 0) < limit) && each < 1)
  const most = Math.fround(float32Mean(next) + float32Deviation(next))
  return [...values].map((value, i) => value < limit || (off[i] ?? 0) < most)
}

/** A cluster as it stands at a level. */
interface Stand {
  readonly cid: number
  readonly level: number
  readonly record: LevelRecord
  readonly copied: boolean
}

function findOutliers(
  { clusters }: MergeLevels,
  lastGood: ReadonlyMap<number, number>,
  least: number,
): Pick<ClustererResult, 'outliers' | 'potentialOutliers'> {
  const outliers = new Set<number>()
  const potential = new Set<number>()
  const seen = new Set<number>()
  for (const { cid, level, record, copied } of standsAfter(clusters, lastGood)) {
    const { members, records } = clusters[cid] as LevelCluster
    const { count, newest } = record
    const all = members.slice(0, count)
    if (seen.has(cid) && !outliers.has(newest)) outliers.add(newest)
    else if (record.veryFar && !copied) {
      for (const row of count < least ? all : [newest]) outliers.add(row)
      seen.add(cid)
    } else if (record.far && !copied && count >= least) potential.add(newest)
    else if (level === records.at(-1)?.until && count < least)
      for (const row of all) outliers.add(row)
  }
  return { outliers: ascending(outliers), potentialOutliers: ascending(potential) }
}

/** What stands after the last good level of its cluster and is no merge, by level. Of copies the first and the last: those between change nothing. */
function standsAfter(
  clusters: readonly LevelCluster[],
  lastGood: ReadonlyMap<number, number>,
): Stand[] {
  const stands: Stand[] = []
  for (const [cid, last] of lastGood)
    for (const record of clusters[cid]?.records ?? []) {
      const first = record.merged < 0 ? record.level : record.level + 1
      const from = Math.max(first, last + 1)
      if (from > record.until) continue
      for (const level of new Set([from, Math.max(from, record.level + 1), record.until]))
        if (level <= record.until) stands.push({ cid, level, record, copied: level > record.level })
    }
  return stands.sort((a, b) => a.level - b.level)
}

/** The mean spread of the good clusters that are large enough; NaN if there is none. */
function spreadOf(
  { clusters }: MergeLevels,
  lastGood: ReadonlyMap<number, number>,
  least: number,
): number {
  let sum = 0
  let found = 0
  for (const [cid, level] of lastGood) {
    const record = recordAt(clusters[cid] as LevelCluster, level)
    if (record.count < least) continue
    sum += level > record.level ? 0 : record.deviation
    found++
  }
  return sum / found
}

function findDuplicates(
  rows: Float64Rows,
  spread: number,
): Pick<ClustererResult, 'duplicates' | 'potentialDuplicates'> {
  const numRows = rows.values.length / rows.columns
  const exact = new UnionFind(numRows)
  const near = new UnionFind(numRows)
  if (!Number.isNaN(spread))
    for (let i = 0; i < numRows; i++)
      for (let j = i + 1; j < numRows; j++) {
        const distance = apart(rows, i, j)
        if (distance <= spread / 100) exact.unite(i, j)
        else if (distance <= spread) near.unite(i, j)
      }
  return { duplicates: exact.sets(), potentialDuplicates: near.sets() }
}

function ascending(rows: ReadonlySet<number>): number[] {
  return [...rows].sort((a, b) => a - b)
}
