import { DataError } from '../errors.ts'
import { Best } from './best.ts'
import type { GroupKind, PageGroup, PageGroups, PageMember } from './page-data.ts'

const membersShown = 12
const splitsNamed = 100

interface OpenGroup {
  readonly group: number
  readonly splits: Set<string>
  readonly members: Best<Numbered>
  size: number
  onlyExact: boolean
}

interface Numbered {
  readonly order: number
  readonly member: PageMember
}

/**
 * Chooses the groups of one kind that the page shows: leaks first, then the largest, then the first.
 *
 * Members of one group stand together and the numbers ascend, as in `groups.parquet`.
 * Holds at most `capacity` groups of 12 members and the one that is being read.
 */
export class GroupSelection {
  readonly #kind: GroupKind
  readonly #best: Best<PageGroup>
  #open: OpenGroup | undefined
  #total = 0
  #members = 0
  #leaks = 0
  #onlyExact = 0
  constructor(kind: GroupKind, capacity: number) {
    this.#kind = kind
    this.#best = new Best(capacity)
  }

  /** Takes the next member. */
  add(group: number, member: PageMember): void {
    const open = this.#openGroup(group)
    const newSplit = member.item.split !== null && !open.splits.has(member.item.split)
    if (newSplit && open.splits.size < splitsNamed) open.splits.add(member.item.split)
    if (!member.keep && member.by !== 'hash') open.onlyExact = false
    const rank = member.keep ? 0 : newSplit ? 1 : 2
    open.members.add(rank, { order: open.size, member })
    open.size++
  }

  /** Ends the last group and returns what was chosen, of which the page may show fewer. */
  finish(): PageGroups {
    this.#close()
    const counts = { members: this.#members, leaks: this.#leaks, onlyExact: this.#onlyExact }
    return { groups: this.#best.sorted(), total: this.#total, ...counts }
  }

  #openGroup(group: number): OpenGroup {
    const last = this.#open
    if (last?.group === group) return last
    if (last && group < last.group)
      throw new DataError(
        `Expected the ${this.#kind} groups in ascending order, got ${String(group)} after ${String(last.group)}`,
        { url: 'groups' },
      )
    this.#close()
    const members = new Best<Numbered>(membersShown)
    this.#open = { group, splits: new Set(), members, size: 0, onlyExact: this.#kind === 'near' }
    return this.#open
  }

  #close(): void {
    const open = this.#open
    if (!open) return
    this.#open = undefined
    const leak = open.splits.size > 1
    this.#total++
    this.#members += open.size
    if (leak) this.#leaks++
    if (open.onlyExact) {
      this.#onlyExact++
      return
    }
    const rank = -open.size - (leak ? 2 ** 40 : 0)
    if (this.#best.accepts(rank)) this.#best.add(rank, shown(this.#kind, open))
  }
}

/** Shares `capacity` places among the two kinds; what one leaves free the other may use. */
export function shareGroups(
  exact: PageGroups,
  near: PageGroups,
  capacity: number,
): { exact: PageGroups; near: PageGroups } {
  const half = Math.ceil(capacity / 2)
  const exactPlaces = Math.max(half, capacity - near.groups.length)
  const groups = exact.groups.slice(0, exactPlaces)
  const nearPlaces = capacity - groups.length
  return {
    exact: { ...exact, groups },
    near: { ...near, groups: near.groups.slice(0, nearPlaces) },
  }
}

function shown(kind: GroupKind, { group, size, splits, members }: OpenGroup): PageGroup {
  const ordered = members
    .sorted()
    .sort((a, b) => Number(b.member.keep) - Number(a.member.keep) || a.order - b.order)
  const common = { group, kind, size, splits: [...splits] }
  return { ...common, members: ordered.map((numbered) => numbered.member) }
}
