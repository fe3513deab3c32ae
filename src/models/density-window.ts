import { changeOf, type ClusterChange } from './cluster-change.ts'
import { UnionFind } from './union-find.ts'

/** How dense is dense. */
export interface DensityRule {
  /** Rows that a dense one has near, itself among them. */
  readonly minSamples: number
  /** Dense rows that make a cluster at least. */
  readonly minClusterSize: number
}

/** Dense rows that hang together; of fewer than make a cluster it has no name. */
interface Component {
  members: number[]
  name: string | undefined
  /** How many clusters had formed before. */
  formed: number
  /** How many members it had before the row that is told. */
  size: number
}

/** What it takes to go on. */
export interface DensityWindowState {
  /** Number of the first row that is held. */
  readonly first: number
  /** Ids of the rows that are held. */
  readonly ids: readonly string[]
  /** How many are near each, itself among them. */
  readonly degrees: readonly number[]
  /** What is near each that is not dense. */
  readonly near: readonly (readonly number[])[]
  /** How many clusters have been called after each. */
  readonly named: readonly number[]
  /** The components. */
  readonly components: readonly Readonly<Component>[]
  /** How many clusters have formed. */
  readonly numFormed: number
}

/**
 * Clusters of the rows that are held: dense rows, which have `minSamples` rows near, hang together with all dense
 * rows near them; what has `minClusterSize` is a cluster. That does not depend on the order of the rows. Rows are told one by one with those that are near;
 * the oldest may be dropped, then the pairs of the others are told again. Of clusters that merge the larger goes on, of equals that which formed first; of one
 * that splits the largest part, of equals that with the first row.
 *
 * Memory: for each row about 60 bytes and its id, 8 more for each of `minSamples`.
 *
 * @see M. Ester, H.-P. Kriegel, J. Sander, M. Wimmer, X. Xu, "Incremental clustering for mining in a data warehousing environment", 1998
 * @see R. Campello, D. Moulavi, J. Sander, "Density-based clustering based on hierarchical density estimates", 2013 (DBSCAN*)
 */
export class DensityWindow {
  readonly #rule: DensityRule
  #first = 0
  #ids: string[] = []
  #degrees: number[] = []
  #near: number[][] = []
  #named: number[] = []
  #components: (Component | undefined)[] = []
  #numFormed = 0
  /** While rows are dropped: what hangs together of the others. */
  #joined = new UnionFind()
  #dropping = 0

  constructor(rule: DensityRule) {
    this.#rule = rule
  }

  /** Number of the first row that is held; the others follow it. */
  get first(): number {
    return this.#first
  }

  /** How many are held. */
  get length(): number {
    return this.#ids.length
  }

  /** The cluster that a row is in, if any. */
  clusterOf(row: number): string | undefined {
    return this.#components[row - this.#first]?.name
  }

  /** Adds a row, given those before it that are near; returns what changes. */
  insert(id: string, near: readonly number[]): ClusterChange[] {
    const { minSamples } = this.#rule
    const row = this.#first + this.#ids.length
    this.#ids.push(id)
    this.#degrees.push(near.length + 1)
    this.#near.push([])
    this.#named.push(0)
    this.#components.push(undefined)
    const dense: { row: number; near: readonly number[] }[] = []
    for (const other of near) {
      const at = other - this.#first
      const degree = (this.#degrees[at] ?? 0) + 1
      this.#degrees[at] = degree
      if (degree <= minSamples) this.#near[at]?.push(row)
      if (degree !== minSamples) continue
      dense.push({ row: other, near: this.#near[at] ?? [] })
      this.#near[at] = []
    }
    if (near.length + 1 >= minSamples) dense.push({ row, near })
    else this.#near[row - this.#first] = [...near]
    return this.#connect(dense)
  }

  /**
   * Begins to drop the `dropped` oldest rows. Then every pair of one of them and one of the others is told by
   * {@link lose}, after that every pair of the others by {@link pair}, and {@link endDrop} says what changes.
   */
  beginDrop(dropped: number): void {
    this.#dropping = dropped
    this.#joined = new UnionFind(this.#ids.length - dropped)
    this.#near = this.#ids.map(() => [])
  }

  /** Says that a row is near one of those that are dropped. */
  lose(row: number): void {
    const at = row - this.#first
    this.#degrees[at] = (this.#degrees[at] ?? 0) - 1
  }

  /** Says that two of the rows that stay are near. */
  pair(a: number, b: number): void {
    const [x, y] = [a - this.#first, b - this.#first]
    if (!this.#dense(x)) this.#near[x]?.push(b)
    else if (this.#dense(y)) this.#joined.unite(x - this.#dropping, y - this.#dropping)
    if (!this.#dense(y)) this.#near[y]?.push(a)
  }

  /** Drops the rows; returns what changes. */
  endDrop(): ClusterChange[] {
    const dropped = this.#dropping
    const changes: ClusterChange[] = []
    const after: (Component | undefined)[] = this.#ids.map(() => undefined)
    for (const component of this.#inOrder()) {
      const parts = this.#partsOf(component)
      for (const change of this.#settle(component, parts)) changes.push(change)
      for (const part of parts) for (const row of part.members) after[row - this.#first] = part
    }
    this.#components = after.slice(dropped)
    this.#ids = this.#ids.slice(dropped)
    this.#degrees = this.#degrees.slice(dropped)
    this.#near = this.#near.slice(dropped)
    this.#named = this.#named.slice(dropped)
    this.#first += dropped
    return changes
  }

  /** A copy of its state. */
  save(): DensityWindowState {
    return {
      first: this.#first,
      ids: [...this.#ids],
      degrees: [...this.#degrees],
      near: this.#near.map((rows) => [...rows]),
      named: [...this.#named],
      components: this.#inOrder().map((each) => ({ ...each, members: [...each.members] })),
      numFormed: this.#numFormed,
    }
  }

  /** Goes on from a state. */
  restore(state: DensityWindowState): void {
    this.#first = state.first
    this.#ids = [...state.ids]
    this.#degrees = [...state.degrees]
    this.#near = state.near.map((rows) => [...rows])
    this.#named = [...state.named]
    this.#numFormed = state.numFormed
    this.#components = this.#ids.map(() => undefined)
    for (const each of state.components) {
      const component = { ...each, members: [...each.members] }
      for (const row of component.members) this.#components[row - this.#first] = component
    }
  }

  #dense(at: number): boolean {
    return (this.#degrees[at] ?? 0) >= this.#rule.minSamples
  }

  /** Joins rows that have become dense to what is dense near them. */
  #connect(dense: readonly { row: number; near: readonly number[] }[]): ClusterChange[] {
    const changes: ClusterChange[] = []
    /** Rows that come into a cluster from none. */
    const arrived: number[] = []
    for (const { row } of dense) this.#components[row - this.#first] = alone(row)
    for (const { row, near } of dense)
      for (const other of near) {
        const a = this.#components[row - this.#first]
        const b = this.#components[other - this.#first]
        if (!a || !b || a === b) continue
        const [kept, gone] = before(a, b) ? [a, b] : [b, a]
        if (kept.name !== undefined && gone.name !== undefined)
          changes.push(changeOf('merged', kept.name, { from: gone.name }))
        for (const member of gone.members) {
          this.#components[member - this.#first] = kept
          kept.members.push(member)
          if (kept.name !== undefined && gone.name === undefined) arrived.push(member)
        }
      }
    for (const { row } of dense) {
      const component = this.#components[row - this.#first]
      if (!component) continue
      component.size = component.members.length
      if (component.name !== undefined || component.size < this.#rule.minClusterSize) continue
      changes.push(changeOf('formed', this.#name(component)))
      for (const member of component.members) arrived.push(member)
    }
    for (const row of arrived.sort((a, b) => a - b))
      changes.push(changeOf('joined', this.clusterOf(row) ?? '', { id: this.#idOf(row) }))
    return changes
  }

  /** Components by when they formed, then those without a name by first member. */
  #inOrder(): Component[] {
    const all = new Set<Component>()
    for (const component of this.#components) if (component) all.add(component)
    return [...all].sort((a, b) => (a.formed === b.formed ? 0 : a.formed - b.formed))
  }

  /** What is left of a component, the largest first. */
  #partsOf(component: Component): Component[] {
    const dropped = this.#dropping
    const parts = new Map<number, Component>()
    for (const row of component.members.sort((a, b) => a - b)) {
      const at = row - this.#first
      if (at < dropped || !this.#dense(at)) continue
      const root = this.#joined.find(at - dropped)
      const part = parts.get(root)
      if (part) part.size = part.members.push(row)
      else parts.set(root, alone(row))
    }
    return [...parts.values()].sort((a, b) => b.members.length - a.members.length)
  }

  /** Names the parts of a cluster; returns what changes. */
  #settle(component: Component, parts: readonly Component[]): ClusterChange[] {
    const { name, formed, members } = component
    if (name === undefined) return []
    const changes: ClusterChange[] = []
    const large = parts.filter((part) => part.members.length >= this.#rule.minClusterSize)
    const stay = new Set(large.flatMap((part) => part.members))
    for (const row of members) {
      if (stay.has(row)) continue
      const change = row - this.#first < this.#dropping ? 'expired' : 'left'
      changes.push(changeOf(change, name, { id: this.#idOf(row) }))
    }
    const [largest, ...others] = large
    if (!largest) return [...changes, changeOf('ended', name)]
    largest.name = name
    largest.formed = formed
    for (const part of others) {
      changes.push(changeOf('split', this.#name(part), { from: name }))
      for (const row of part.members)
        changes.push(changeOf('joined', part.name ?? '', { id: this.#idOf(row), from: name }))
    }
    return changes
  }

  /** Calls a component after its first row; the row's second with a number behind. */
  #name(component: Component): string {
    const row = component.members.reduce((a, b) => Math.min(a, b))
    const times = (this.#named[row - this.#first] ?? 0) + 1
    this.#named[row - this.#first] = times
    component.formed = this.#numFormed++
    return (component.name = this.#idOf(row) + (times > 1 ? `~${String(times)}` : ''))
  }

  #idOf(row: number): string {
    return this.#ids[row - this.#first] ?? ''
  }
}

function alone(row: number): Component {
  return { members: [row], name: undefined, formed: Infinity, size: 1 }
}

/** Whether `a` goes on when the two are one: that with a name, the larger, or the first. */
function before(a: Component, b: Component): boolean {
  if ((a.name === undefined) !== (b.name === undefined)) return b.name === undefined
  const more = a.size - b.size
  return more > 0 || (more === 0 && a.formed <= b.formed)
}
