import type { Field, RecordBatch } from 'apache-arrow'
import { type Metric, rounding } from '../kernels/distance.ts'
import { noHamming } from '../kernels/near-pairs.ts'
import { CompleteLinkage } from '../models/complete-linkage.ts'
import { DuplicateEvidence } from '../models/duplicate-evidence.ts'
import {
  type Linkage,
  type NearMember,
  nearGroups,
  PairGraph,
  type Star,
  type StarDistances,
} from '../models/duplicate-groups.ts'
import { bitsRule, distanceRule, evidenceRule, type NearRule } from '../models/near-rule.ts'
import type { StoredTable } from '../table/column-store.ts'
import { columnFactors } from './column-factors.ts'
import { DuplicateColumns, type NearRows } from './duplicate-columns.ts'
import { compareRank, type Facts, readFacts } from './duplicate-facts.ts'
import type { PairSource } from './duplicate-rows.ts'
import { measureStars, samplePairScale, searchPairs } from './duplicate-search.ts'
import { groupSpread } from './group-spread.ts'
import { hashDistance, type HashPairs, hashPairs } from './hash-pairs.ts'
import { neighborDistances } from './neighbor-distances.ts'
import { type SearchRule, thresholdOf } from './search-rule.ts'

/** Where to look, and what for. */
export interface DuplicateSearch {
  /** Column of embeddings. */
  readonly embedding: string | undefined
  /** Column of perceptual hashes. */
  readonly phash: string | undefined
  /** Column of content hashes. */
  readonly contentHash: string | undefined
  /** What makes a pair near. */
  readonly rule: SearchRule
  /** How far apart embeddings are; `scaled`: Euclidean, with every column brought to length 1. */
  readonly metric: Metric | 'scaled'
  /** How pairs make groups. */
  readonly linkage: 'star' | 'single' | 'complete'
  /** Whether only rows of different sets, or only those of one set, make pairs. */
  readonly sets: { readonly column: string; readonly pairs: 'across' | 'within' } | undefined
  /** Whether to say how each group lies. */
  readonly spread: boolean
  /** Bytes of embeddings that are held at a time; twice, the second time in the kernel's thread. */
  readonly blockBytes: number
  /** The fields of the answer, in the order in which they are made. */
  readonly added: readonly Field[]
}

/** What is held beside the rows that are compared, for plans. */
export function heldBy({ rule, linkage }: Pick<DuplicateSearch, 'rule' | 'linkage'>): string {
  return [
    'about 200 bytes per row',
    ...('k' in rule ? [`${String(20 * rule.k)} more for its neighbours`] : []),
    ...(linkage === 'complete' ? ['100 bytes per near pair, at most 2,000,000'] : []),
  ].join('; ')
}

/** What is asked, and what is known of the rows. */
interface Looked {
  readonly search: DuplicateSearch
  readonly source: PairSource
  readonly facts: Facts
  /** The sets that rows are of, if only rows of different ones make pairs. */
  readonly across: Int32Array | undefined
  /** Per row: a number that is equal for rows that are to be exact copies of one another. */
  readonly copyOf: Int32Array
}

/** Finds the groups of a table; yields the columns that say so. */
export async function* findDuplicates(
  table: StoredTable,
  search: DuplicateSearch,
): AsyncGenerator<RecordBatch> {
  const { sets } = search
  const forms = search.rule.type === 'bits'
  const facts = await readFacts(table, { ...search, set: sets?.column, forms })
  const source = await sourceOf(table, search, facts)
  const across = sets?.pairs === 'across' ? facts.sets : undefined
  const copyOf = across ? facts.contents : facts.originals
  const looked = { search, source, facts, across, copyOf }
  const exact = exactGroups(looked)
  const near = withCopies(await findNear(looked, exact), exact, looked)
  const answer = new DuplicateColumns(search.added, table.numRows)
  answer.setExact(exact, facts)
  answer.setNear(near, facts)
  const members = near.map((group) => group.map(({ row }) => row))
  if (search.spread) for await (const place of groupSpread(source, members)) answer.setSpread(place)
  yield* answer.batches()
}

async function sourceOf(
  table: StoredTable,
  { embedding, metric, blockBytes, rule }: DuplicateSearch,
  facts: Facts,
): Promise<PairSource> {
  const { originals, hashes, hasHash } = facts
  const takesPart = Uint8Array.from(originals, (first, row) => (first === row ? 1 : 0))
  const rows = {
    ...{ table, embedding, hashes, hasHash, takesPart, blockBytes },
    ...(rule.type === 'bits' && { hamming: (a: number, b: number) => hashDistance(facts, a, b) }),
  }
  if (metric !== 'scaled') return { ...rows, metric }
  const factors = embedding === undefined ? undefined : await columnFactors(table, embedding)
  return { ...rows, metric: 'euclidean', factors }
}

/** The rows of each content that is there more than once: ascending, by their first. */
function exactGroups({ across, copyOf }: Looked): number[][] {
  const groups = rowsBy(copyOf)
  if (!across) return groups
  return groups.filter((rows) => rows.some((row) => across[row] !== across[rows[0] ?? 0]))
}

/** The rows of each number that is there more than once; a number is that of the first of its rows. */
function rowsBy(firsts: Int32Array): number[][] {
  const groups = new Map<number, number[]>()
  for (const [row, first] of firsts.entries()) {
    if (first === row) continue
    const rows = groups.get(first)
    if (rows) rows.push(row)
    else groups.set(first, [first, row])
  }
  return [...groups.values()].sort(([a = 0], [b = 0]) => a - b)
}

async function findNear(
  looked: Looked,
  exact: readonly (readonly number[])[],
): Promise<NearRows[]> {
  const { source, facts, search, across } = looked
  const { numRows } = source.table
  if (search.embedding === undefined && search.phash === undefined) return []
  const rule = await nearRule(looked)
  const graph = new PairGraph(numRows)
  const linkage = search.linkage === 'complete' ? new CompleteLinkage(numRows, across) : graph
  if (across) addCopies(linkage, exact, facts)
  await addPairs(linkage, rule, looked)
  const star = {
    holds: ({ row, distance, hamming }: NearMember, kept: number) =>
      rule.holds(distance, hamming) && (!across || across[row] !== across[kept]),
    componentsWithin: graph.componentsWithin.bind(graph),
  }
  const groups = await nearGroups({
    components: linkage.components(),
    compare: (a, b) => compareRank(facts, a, b),
    measure: (stars) => measured(stars, looked),
    ...(search.linkage === 'star' && { star }),
  })
  return groups.map(({ kept, members }) => [
    { row: kept, ties: undefined },
    ...members.map(({ row, distance, hamming }) => {
      const copy = facts.contents[row] === facts.contents[kept]
      const by = copy ? ('hash' as const) : rule.by(distance, hamming)
      return { row, ties: { by, distance, hamming } }
    }),
  ])
}

async function nearRule({ source, search: { rule } }: Looked): Promise<NearRule> {
  if (rule.type === 'evidence') {
    const evidence = new DuplicateEvidence(await samplePairScale(source))
    const numItems = source.takesPart.reduce((sum, there) => sum + there, 0)
    return evidenceRule(evidence, { numItems, falsePairs: rule.falsePairs })
  }
  if (rule.type === 'bits') return bitsRule(rule.bits)
  const threshold =
    rule.type === 'distance'
      ? rule.distance
      : thresholdOf(rule, await neighborDistances(source, rule.k))
  return distanceRule(Math.max(threshold, rounding(source.metric)))
}

/** Copies in different sets take part each, but may have nothing that shows them near. */
function addCopies(
  linkage: Linkage,
  exact: readonly (readonly number[])[],
  { originals }: Facts,
): void {
  for (const rows of exact) {
    const ones = rows.filter((row) => originals[row] === row)
    for (const [i, a] of ones.entries())
      for (const b of ones.slice(i + 1)) linkage.add(a, b, -Infinity)
  }
}

async function addPairs(
  linkage: Linkage,
  { limits, unlikeness }: NearRule,
  { source, search, facts, across }: Looked,
): Promise<void> {
  const { sets } = facts
  const within = search.sets?.pairs === 'within'
  // Complete linkage has to know the pairs of one set too.
  const between = across && search.linkage !== 'complete'
  const pairs: AsyncGenerator<HashPairs> =
    search.rule.type === 'bits'
      ? hashPairs(facts, source.takesPart, search.rule.bits)
      : searchPairs(source, limits)
  for await (const { first, second, distances, hamming } of pairs)
    for (const [i, a] of first.entries()) {
      const b = second[i] ?? 0
      if (sets[a] === sets[b] ? between : within) continue
      linkage.add(a, b, unlikeness(distances[i] ?? Number.NaN, hamming[i] ?? noHamming))
    }
}

/** Measures stars; a copy of the kept row is not away from it, whatever is missing. */
async function measured(
  stars: readonly Star[],
  { source, facts: { contents } }: Looked,
): Promise<readonly StarDistances[]> {
  const found = await measureStars(source, stars)
  for (const [i, { kept, others }] of stars.entries())
    for (const [at, row] of others.entries()) {
      const { distances, hamming } = found[i] ?? {}
      if (!distances || !hamming || contents[row] !== contents[kept]) continue
      distances[at] = hamming[at] = 0
    }
  return found
}

/** Adds to each near group the copies of its members, and the contents that have copies and nothing else near. */
function withCopies(
  near: readonly NearRows[],
  exact: readonly (readonly number[])[],
  { facts, copyOf }: Looked,
): NearRows[] {
  const copies = new Map(rowsBy(facts.originals).map((rows) => [rows[0], rows]))
  const placed = new Set<number | undefined>()
  const groups = near.map((group) =>
    group.flatMap(({ row, ties }) => {
      placed.add(copyOf[row])
      return (copies.get(row) ?? [row]).map((copy) => ({ row: copy, ties }))
    }),
  )
  for (const rows of exact)
    if (!placed.has(rows[0])) groups.push(rows.map((row) => ({ row, ties: undefined })))
  return groups.sort((a, b) => firstRow(a) - firstRow(b))
}

function firstRow(group: NearRows): number {
  return group.reduce((least, { row }) => Math.min(least, row), Infinity)
}
