/**
 * Numbers in sets that only ever join. The lowest of a set stands for it.
 *
 * @see R. E. Tarjan, J. van Leeuwen, "Worst-case analysis of set union algorithms", 1984 (path halving)
 */
export class UnionFind {
  #parents: Int32Array
  #length: number

  /** Of the numbers below `length`, each alone. */
  constructor(length = 0) {
    this.#parents = Int32Array.from({ length }, (_, i) => i)
    this.#length = length
  }

  /** How many numbers there are. */
  get length(): number {
    return this.#length
  }

  /** Adds a number, alone, and returns it. */
  add(): number {
    const added = this.#length++
    if (added === this.#parents.length) {
      const larger = new Int32Array(Math.max(1024, 2 * added))
      larger.set(this.#parents)
      this.#parents = larger
    }
    return (this.#parents[added] = added)
  }

  /** The lowest number of the set that `member` is in. */
  find(member: number): number {
    const parents = this.#parents
    let at = member
    for (let parent; (parent = parents[at] ?? at) !== at; at = parents[at] ?? at)
      parents[at] = parents[parent] ?? parent
    return at
  }

  /** Joins the sets of two numbers; false if they were one. */
  unite(a: number, b: number): boolean {
    const x = this.find(a)
    const y = this.find(b)
    this.#parents[Math.max(x, y)] = Math.min(x, y)
    return x !== y
  }

  /** The sets of more than one among `members` (ascending, by default all), in the order of their first. */
  sets(members: Iterable<number> = this.#parents.subarray(0, this.#length).keys()): number[][] {
    const sets = new Map<number, number[]>()
    for (const member of members) {
      const first = this.find(member)
      const set = sets.get(first)
      if (set) set.push(member)
      else sets.set(first, [member])
    }
    return [...sets.values()].filter((set) => set.length > 1)
  }

  /** A copy of its state. */
  save(): Int32Array {
    return this.#parents.slice(0, this.#length)
  }

  /** The sets that were saved. */
  static restore(parents: Int32Array): UnionFind {
    const sets = new UnionFind()
    sets.#parents = parents.slice()
    sets.#length = parents.length
    return sets
  }
}
