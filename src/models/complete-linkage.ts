import { OptionError } from '../errors.ts'
import type { Linkage } from './duplicate-groups.ts'
import { UnionFind } from './union-find.ts'

/** Near pairs held at most: those of one group of 2,000. Each takes about 100 bytes. */
const mostPairs = 2_000_000
/** Stands for the sets of a group with rows of several. */
const mixed = -1

/**
 * Groups in which every pair is near, so that no chain of near pairs makes a group of what is not
 * alike: the two groups that are the most alike by their least alike pair are joined, until no two are
 * near throughout.
 *
 * By chains of nearest neighbours: for each pair of groups that are near throughout only its least
 * alike pair is held, so a join is an intersection. Of equals the lower rows are joined.
 *
 * @see F. Murtagh, "A survey of recent advances in hierarchical clustering algorithms", 1983
 */
export class CompleteLinkage implements Linkage {
  readonly #groups: UnionFind
  /** By the first row of a group: the groups that are near throughout, and how unlike at most. */
  readonly #near = new Map<number, Map<number, number>>()
  readonly #setOf: Int32Array | undefined
  #pairs = 0

  /** With `across`, the number of each row's set: rows of one set are not joined without one of another. */
  constructor(numRows: number, across?: Int32Array) {
    this.#groups = new UnionFind(numRows)
    this.#setOf = across?.slice()
  }

  /** @throws {OptionError} if there are more pairs than are held */
  add(first: number, second: number, unlikeness: number): void {
    if (++this.#pairs > mostPairs)
      throw new OptionError(
        `Expected at most ${String(mostPairs)} near pairs for linkage 'complete', got more: ask for nearer ones, or take another linkage`,
      )
    this.#neighborsOf(first).set(second, unlikeness)
    this.#neighborsOf(second).set(first, unlikeness)
  }

  /** Joins what can be joined; to be called once, when all pairs were added. */
  components(): number[][] {
    for (const start of [...this.#near.keys()].sort((a, b) => a - b)) {
      const chain = this.#near.has(start) ? [start] : []
      for (let last; (last = chain.at(-1)) !== undefined;) {
        const before = chain.at(-2)
        const nearest = this.#nearest(last, before)
        if (nearest === undefined) chain.pop()
        else if (nearest !== before) chain.push(nearest)
        else {
          const joined = this.#join(last, before)
          chain.length -= 2
          if (chain.length === 0) chain.push(joined)
        }
      }
    }
    return this.#groups.sets()
  }

  #neighborsOf(group: number): Map<number, number> {
    const known = this.#near.get(group)
    if (known) return known
    const neighbors = new Map<number, number>()
    this.#near.set(group, neighbors)
    return neighbors
  }

  /** The most alike group; of equals `preferred`, then the lowest. */
  #nearest(group: number, preferred: number | undefined): number | undefined {
    let nearest: number | undefined
    let least = Infinity
    for (const [other, unlikeness] of this.#neighborsOf(group)) {
      if (unlikeness > least || !this.#mayJoin(group, other)) continue
      const first =
        unlikeness < least ||
        other === preferred ||
        (nearest !== preferred && (nearest === undefined || other < nearest))
      if (first) nearest = other
      least = unlikeness
    }
    return nearest
  }

  #mayJoin(a: number, b: number): boolean {
    const set = this.#setOf?.[a]
    return set === undefined || set === mixed || set !== this.#setOf?.[b]
  }

  #join(a: number, b: number): number {
    const ofA = this.#neighborsOf(a)
    const ofB = this.#neighborsOf(b)
    const joined = Math.min(a, b)
    this.#groups.unite(a, b)
    if (this.#setOf) this.#setOf[joined] = mixed
    for (const other of ofA.keys()) this.#neighborsOf(other).delete(a)
    for (const other of ofB.keys()) this.#neighborsOf(other).delete(b)
    this.#near.delete(Math.max(a, b))
    const ofBoth = new Map<number, number>()
    for (const [other, unlikeness] of ofA) {
      const least = ofB.get(other)
      if (least === undefined) continue
      ofBoth.set(other, Math.max(unlikeness, least))
      this.#neighborsOf(other).set(joined, Math.max(unlikeness, least))
    }
    this.#near.set(joined, ofBoth)
    return joined
  }
}
