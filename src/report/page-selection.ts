import type { RecordBatch } from 'apache-arrow'
import { column } from '../batch/batch.ts'
import type { Reject } from '../flow/control.ts'
import { Best } from './best.ts'
import { ClusterSelection } from './cluster-selection.ts'
import { FamiliaritySelection } from './familiarity-selection.ts'
import { GroupSelection, shareGroups } from './group-selection.ts'
import { LabelErrorSelection } from './label-error-selection.ts'
import { OutlierSelection } from './outlier-selection.ts'
import type { PageChoice, PageGroups } from './page-data.ts'
import type { PageItem } from './page-item.ts'
import { numberAt, textAt } from './cells.ts'
import { groupRows, itemReader, rejectAt } from './read-rows.ts'
import { StatisticsSelection } from './statistics-selection.ts'

const pointsShown = 5000
const groupsShown = 200
const rejectsShown = 200

/**
 * Chooses, from tables of any size, what the page shows. First all groups, then all items; rejects at any time.
 *
 * The sample of the map is the items with the least seeded hash of their id, so it depends on neither order
 * nor batches. Holds at most 200 groups of each kind, 5,000 points, 200 rejects and what
 * the other selections hold, whatever the tables' size.
 */
export class PageSelection {
  readonly #seed: number
  readonly #exact = new GroupSelection('exact', groupsShown)
  readonly #near = new GroupSelection('near', groupsShown)
  readonly #familiarity = new FamiliaritySelection()
  readonly #statistics = new StatisticsSelection()
  readonly #outliers = new OutlierSelection()
  readonly #labelErrors = new LabelErrorSelection()
  readonly #clusters = new ClusterSelection()
  readonly #sample = new Best<PageItem>(pointsShown)
  readonly #members = new Map<string, PageItem | undefined>()
  readonly #rejects: Reject[] = []
  #groups: { exact: PageGroups; near: PageGroups } | undefined
  #placed = 0
  #rejectCount = 0
  constructor({ seed }: { readonly seed: number }) {
    this.#seed = seed
  }

  /** Takes rows of the groups table, members of one group together, numbers ascending. */
  addGroups(batch: RecordBatch): void {
    if (this.#groups) throw new Error('Expected all groups before the items')
    for (const { kind, group, member } of groupRows(batch))
      (kind === 'exact' ? this.#exact : this.#near).add(group, member)
  }

  /** Takes rows of the items table. */
  addItems(batch: RecordBatch): void {
    this.#closeGroups()
    const id = column(batch, 'id')
    const names = ['label', 'familiarity', 'label_familiarity', 'x', 'y']
    const [label, score, within, x, y] = names.map((name) => batch.getChild(name))
    const itemAt = itemReader(batch)
    this.#statistics.add(batch)
    this.#outliers.add(batch, itemAt)
    this.#labelErrors.add(batch, itemAt)
    this.#clusters.add(batch, itemAt)
    for (let row = 0; row < batch.numRows; row++) {
      const key = String(id.get(row))
      const read = itemAt.bind(null, row)
      if (this.#members.has(key)) this.#members.set(key, read())
      const scores = {
        overall: numberAt(score ?? null, row),
        within: numberAt(within ?? null, row),
      }
      this.#familiarity.add(textAt(label ?? null, row), scores, read)
      if (numberAt(x ?? null, row) === null || numberAt(y ?? null, row) === null) continue
      this.#placed++
      const rank = seededHash(key, this.#seed)
      if (this.#sample.accepts(rank)) this.#sample.add(rank, read())
    }
  }

  /** Takes rows of the rejects table. */
  addRejects(batch: RecordBatch): void {
    this.#rejectCount += batch.numRows
    for (let row = 0; row < batch.numRows && this.#rejects.length < rejectsShown; row++)
      this.#rejects.push(rejectAt(batch, row))
  }

  /** Returns what was chosen. */
  finish(): PageChoice {
    const groups = this.#closeGroups()
    const familiar = this.#familiarity.finish()
    const exact = this.#withItems(groups.exact)
    const near = this.#withItems(groups.near)
    const rejects = { rejects: this.#rejects, rejectCount: this.#rejectCount }
    const parts = {
      ...{ exact, near, ...familiar, ...rejects },
      metrics: this.#statistics.finish(),
      outliers: this.#outliers.finish(),
      labelErrors: this.#labelErrors.finish(),
      clusters: this.#clusters.finish(),
    }
    const points = new Map<string, PageItem>()
    for (const item of shownItems(parts))
      if (item.x !== null && item.y !== null) points.set(item.id, item)
    const required = points.size
    for (const item of this.#sample.sorted())
      if (points.size < pointsShown) points.set(item.id, item)
    return { ...parts, points: [...points.values()], required, placed: this.#placed }
  }

  #closeGroups(): { exact: PageGroups; near: PageGroups } {
    if (this.#groups) return this.#groups
    this.#groups = shareGroups(this.#exact.finish(), this.#near.finish(), groupsShown)
    for (const { groups } of Object.values(this.#groups))
      for (const { members } of groups)
        for (const { item } of members) this.#members.set(item.id, undefined)
    return this.#groups
  }

  #withItems(of: PageGroups): PageGroups {
    const groups = of.groups.map((group) => ({
      ...group,
      members: group.members.map((m) => ({ ...m, item: this.#members.get(m.item.id) ?? m.item })),
    }))
    return { ...of, groups }
  }
}

/** The items shown in lists, the most important first; one that is shown twice comes twice. */
export function* shownItems(
  choice: Omit<PageChoice, 'points' | 'required' | 'placed'>,
): Generator<PageItem> {
  for (const { groups } of [choice.exact, choice.near])
    for (const { members } of groups) for (const { item } of members) yield item
  const { outliers, labelErrors, clusters } = choice
  for (const { item } of outliers?.outliers ?? []) yield item
  for (const { item } of labelErrors?.errors ?? []) yield item
  yield* choice.least
  yield* choice.most
  for (const metric of outliers?.metrics ?? []) for (const { item } of metric.outliers) yield item
  for (const { item } of clusters?.outliers ?? []) yield item
  for (const { members } of clusters?.clusters ?? []) yield* members
  for (const { least, most } of choice.labels) {
    yield* least
    yield* most
  }
}

/** 32 bits of FNV-1a over the code units, mixed as MurmurHash3 ends. */
function seededHash(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
