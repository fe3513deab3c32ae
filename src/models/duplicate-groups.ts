/** Edges kept per row beyond those that hold the components together. */
const edgesPerRow = 32

/**
 * Rows joined by pairs. Keeps a spanning forest and up to 32 more pairs per row, whatever the
 * number of pairs, so that 20,000 copies of one picture take no more than 20,000 other pictures.
 */
export class PairGraph {
  readonly #parents: Int32Array
  readonly #counts: Uint8Array
  readonly #first: number[] = []
  readonly #second: number[] = []

  constructor(numRows: number) {
    this.#parents = Int32Array.from({ length: numRows }, (_, row) => row)
    this.#counts = new Uint8Array(numRows)
  }

  /** Joins two rows. */
  add(first: number, second: number): void {
    const joins = unite(this.#parents, first, second)
    const a = this.#counts[first] ?? 0
    const b = this.#counts[second] ?? 0
    if (!joins && (a >= edgesPerRow || b >= edgesPerRow)) return
    this.#first.push(first)
    this.#second.push(second)
    this.#counts[first] = Math.min(edgesPerRow, a + 1)
    this.#counts[second] = Math.min(edgesPerRow, b + 1)
  }

  /** The rows that hang together, each component ascending, in the order of their first rows. Rows alone are left out. */
  components(): number[][] {
    return gather(this.#parents, this.#parents.keys())
  }

  /** What of each of `sets` still hangs together within itself alone. */
  componentsWithin(sets: readonly (readonly number[])[]): number[][] {
    const setOf = new Map<number, number>()
    for (const [i, rows] of sets.entries()) for (const row of rows) setOf.set(row, i)
    const parents = Int32Array.from({ length: this.#parents.length }, (_, row) => row)
    for (const [i, first] of this.#first.entries()) {
      const second = this.#second[i] ?? 0
      const set = setOf.get(first)
      if (set !== undefined && set === setOf.get(second)) unite(parents, first, second)
    }
    return gather(
      parents,
      [...setOf.keys()].sort((a, b) => a - b),
    )
  }
}

/** A group in the making: the row to keep and those that should be its duplicates. */
export interface Star {
  /** The row that is kept. */
  readonly kept: number
  /** The other rows. */
  readonly others: readonly number[]
}

/** How far rows are from the kept one: 1 − cos (NaN if an embedding is missing) and Hamming distance (65 if a hash is). */
export interface StarDistances {
  /** 1 − cos, per row of `others`. */
  readonly distances: Float64Array
  /** Hamming distances, per row of `others`. */
  readonly hamming: Uint8Array
}

/** A member of a near group that is not the kept one. */
export interface NearMember {
  /** Row number. */
  readonly row: number
  /** 1 − cos to the kept member, NaN if unknown. */
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
  /** The near pairs. */
  readonly graph: PairGraph
  /** Compares rows: below 0 if `a` is rather kept than `b`. Never 0 for two rows. */
  readonly compare: (a: number, b: number) => number
  /** Measures the rows of each star. */
  readonly measure: (stars: readonly Star[]) => Promise<readonly StarDistances[]>
  /** Whether a row is near enough to the kept one to stay with it. */
  readonly holds: (distance: number, hamming: number) => boolean
}

/**
 * Cuts what hangs together into groups whose every member is like the member that is kept.
 *
 * Pairs chain: a like b, b like c, and c nothing like a. So the best row of a component is kept, the
 * rows that do not hold to it leave, and what of those still hangs together is a component again.
 * Groups come in the order of their first rows.
 */
export async function nearGroups(spec: NearGroupsSpec): Promise<NearGroup[]> {
  const groups: NearGroup[] = []
  let pending = spec.graph.components()
  while (pending.length > 0) {
    const stars = pending.map((rows) => starOf(rows, spec.compare))
    const measured = await spec.measure(stars)
    const left: number[][] = []
    for (const [i, { kept, others }] of stars.entries()) {
      const members = others.map((row, at) => ({
        row,
        distance: measured[i]?.distances[at] ?? Number.NaN,
        hamming: measured[i]?.hamming[at] ?? 65,
      }))
      const held = members.filter((m) => spec.holds(m.distance, m.hamming))
      if (held.length > 0) groups.push({ kept, members: held })
      left.push(members.filter((m) => !spec.holds(m.distance, m.hamming)).map((m) => m.row))
    }
    pending = spec.graph.componentsWithin(left.filter((rows) => rows.length > 1))
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

/** Joins two trees, the lower root on top; false if they were one. */
function unite(parents: Int32Array, a: number, b: number): boolean {
  const x = root(parents, a)
  const y = root(parents, b)
  if (x === y) return false
  parents[Math.max(x, y)] = Math.min(x, y)
  return true
}

function root(parents: Int32Array, row: number): number {
  let at = row
  for (;;) {
    const parent = parents[at] ?? at
    if (parent === at) return at
    const above = parents[parent] ?? parent
    parents[at] = above
    at = above
  }
}

function gather(parents: Int32Array, rows: Iterable<number>): number[][] {
  const sets = new Map<number, number[]>()
  for (const row of rows) {
    const top = root(parents, row)
    const set = sets.get(top)
    if (set) set.push(row)
    else sets.set(top, [row])
  }
  return [...sets.values()].filter((set) => set.length > 1)
}
