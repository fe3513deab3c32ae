import { noHamming } from '../kernels/near-pairs.ts'
import { UnionFind } from './union-find.ts'

/** What makes groups of near pairs. */
export interface Linkage {
  /** Takes a near pair. */
  readonly add: (first: number, second: number, unlikeness: number) => void
  /** The groups, each ascending, in the order of their first rows. Rows alone are left out. */
  readonly components: () => number[][]
}

/** Edges kept per row beyond those that hold the components together. */
const edgesPerRow = 32

/**
 * Rows joined by pairs. Keeps a spanning forest and up to 32 more pairs per row, whatever the
 * number of pairs, so that 20,000 copies of one picture take no more than 20,000 other pictures.
 */
export class PairGraph implements Linkage {
  readonly #sets: UnionFind
  readonly #counts: Uint8Array
  readonly #first: number[] = []
  readonly #second: number[] = []

  constructor(numRows: number) {
    this.#sets = new UnionFind(numRows)
    this.#counts = new Uint8Array(numRows)
  }

  add(first: number, second: number): void {
    const joins = this.#sets.unite(first, second)
    const a = this.#counts[first] ?? 0
    const b = this.#counts[second] ?? 0
    if (!joins && (a >= edgesPerRow || b >= edgesPerRow)) return
    this.#first.push(first)
    this.#second.push(second)
    this.#counts[first] = Math.min(edgesPerRow, a + 1)
    this.#counts[second] = Math.min(edgesPerRow, b + 1)
  }

  components(): number[][] {
    return this.#sets.sets()
  }

  /** What of each of `sets` still hangs together within itself alone. */
  componentsWithin(sets: readonly (readonly number[])[]): number[][] {
    const setOf = new Map<number, number>()
    for (const [i, rows] of sets.entries()) for (const row of rows) setOf.set(row, i)
    const within = new UnionFind(this.#counts.length)
    for (const [i, first] of this.#first.entries()) {
      const second = this.#second[i] ?? 0
      const set = setOf.get(first)
      if (set !== undefined && set === setOf.get(second)) within.unite(first, second)
    }
    return within.sets([...setOf.keys()].sort((a, b) => a - b))
  }
}

/** A group in the making: the row to keep and those that should be its duplicates. */
export interface Star {
  /** The row that is kept. */
  readonly kept: number
  /** The other rows. */
  readonly others: readonly number[]
}

/** How far rows are from the kept one: by their embeddings (NaN if one is missing) and Hamming distance (65 if a hash is). */
export interface StarDistances {
  /** How far apart the embeddings are, per row of `others`. */
  readonly distances: Float64Array
  /** Hamming distances, per row of `others`. */
  readonly hamming: Uint8Array
}

/** A member of a near group that is not the kept one. */
export interface NearMember {
  /** Row number. */
  readonly row: number
  /** How far its embedding is from that of the kept member, NaN if unknown. */
  readonly distance: number
  /** Hamming distance to the kept member, 65 if unknown. */
  readonly hamming: number
}

/** Near duplicates of one kept row. */
export interface NearGroup {
  /** The row that is kept. */
  readonly kept: number
  /** The others, ascending by row. */
  readonly members: readonly NearMember[]
}

/** What {@link nearGroups} asks of its caller. */
export interface NearGroupsSpec {
  /** What hangs together. */
  readonly components: readonly (readonly number[])[]
  /** Compares rows: below 0 if `a` is rather kept than `b`. Never 0 for two rows. */
  readonly compare: (a: number, b: number) => number
  /** Measures the rows of each star. */
  readonly measure: (stars: readonly Star[]) => Promise<readonly StarDistances[]>
  /** Where components are to be cut into stars. */
  readonly star?: {
    /** Whether a member is near enough to the kept row to stay with it. */
    readonly holds: (member: NearMember, kept: number) => boolean
    /** What of each of `sets` still hangs together within itself alone. */
    readonly componentsWithin: (sets: readonly (readonly number[])[]) => number[][]
  }
}

/**
 * Says of each component which row is kept and how far the others are from it; with `star`, cuts it
 * into groups whose every member is like the kept one.
 *
 * Pairs chain: a like b, b like c, and c nothing like a. So the best row of a component is kept, the
 * rows that do not hold to it leave, and what of those still hangs together is a component again.
 * Groups come in the order of their first rows.
 */
export async function nearGroups(spec: NearGroupsSpec): Promise<NearGroup[]> {
  const { compare, measure, star } = spec
  const groups: NearGroup[] = []
  let pending = spec.components
  while (pending.length > 0) {
    const stars = pending.map((rows) => starOf(rows, compare))
    const measured = await measure(stars)
    const left: number[][] = []
    for (const [i, { kept, others }] of stars.entries()) {
      const held: NearMember[] = []
      const leaving: number[] = []
      for (const [at, row] of others.entries()) {
        const distance = measured[i]?.distances[at] ?? Number.NaN
        const member = { row, distance, hamming: measured[i]?.hamming[at] ?? noHamming }
        if (star?.holds(member, kept) ?? true) held.push(member)
        else leaving.push(row)
      }
      if (held.length > 0) groups.push({ kept, members: held })
      if (leaving.length > 1) left.push(leaving)
    }
    pending = star?.componentsWithin(left) ?? []
  }
  return groups.sort((a, b) => firstRow(a) - firstRow(b))
}

function firstRow({ kept, members }: NearGroup): number {
  return Math.min(kept, members[0]?.row ?? kept)
}

function starOf(rows: readonly number[], compare: (a: number, b: number) => number): Star {
  const kept = rows.reduce((best, row) => (compare(row, best) < 0 ? row : best))
  return { kept, others: rows.filter((row) => row !== kept) }
}
