import type { RecordBatch, Vector } from 'apache-arrow'
import { DataError } from '../errors.ts'

/** Columns that a {@link LabelTally} reads; those that are not there are left out. */
export interface LabelColumns {
  /** Text: the label of a picture. */
  readonly label: string | undefined
  /** Lists of text: the labels of its boxes. */
  readonly boxLabels: string | undefined
  /** Text: what is counted apart. */
  readonly by: string | undefined
  /** Lists of text: the metrics by which the picture is an outlier. */
  readonly metrics: string | undefined
}

/** What is counted of one label. */
export interface LabelCount {
  /** Pictures that it is on. */
  images: number
  /** How often it is there. */
  labels: number
  /** How often on the picture that has it most often. */
  mostPerImage: number
  /** Pictures that are outliers by a metric. */
  flagged: number
  /** Pictures by the metric that they are outliers by. */
  readonly metrics: Map<string, number>
}

/** A text, or null for none. */
export type Name = string | null

/** What it takes to go on counting. */
export interface LabelTallyState {
  /** By group its labels. */
  readonly labels: ReadonlyMap<Name, ReadonlyMap<Name, LabelCount>>
  /** By group, how many pictures have how many labels. */
  readonly perImage: ReadonlyMap<Name, ReadonlyMap<number, number>>
}

/** Counts labels, by group: holds a record for each label, and a number for each number of labels that a picture has. */
export class LabelTally {
  readonly #columns: LabelColumns
  readonly #maxLabels: number
  #labels = new Map<Name, Map<Name, LabelCount>>()
  #perImage = new Map<Name, Map<number, number>>()
  #known = 0

  constructor(columns: LabelColumns, maxLabels: number) {
    this.#columns = columns
    this.#maxLabels = maxLabels
  }

  /**
   * By group its labels, both in the order of their code units and null last; a label of null stands for pictures without one.
   */
  get labels(): [Name, [Name, LabelCount][]][] {
    return sorted(this.#labels).map(([group, labels]) => [group, sorted(labels)])
  }

  /** By group, how many pictures have how many labels, fewest labels first. */
  get perImage(): [Name, [number, number][]][] {
    return sorted(this.#perImage).map(([group, counts]) => [
      group,
      [...counts].sort(([a], [b]) => a - b),
    ])
  }

  /** Pictures counted. */
  get images(): number {
    let images = 0
    for (const counts of this.#perImage.values()) for (const n of counts.values()) images += n
    return images
  }

  /**
   * Counts the rows of `batch`, one per picture.
   *
   * @throws {DataError} if there are more labels than may be
   */
  add(batch: RecordBatch): void {
    const { label, boxLabels, by, metrics } = this.#columns
    const columns = [label, boxLabels, by, metrics].map((name) =>
      name === undefined ? null : batch.getChild(name),
    )
    const [labels, boxes, groups, flags] = columns
    for (let row = 0; row < batch.numRows; row++) {
      const group = (groups?.get(row) ?? null) as Name
      const found = new Map<Name, number>()
      const own = (labels?.get(row) ?? null) as Name
      for (const name of [own, ...textsAt(boxes, row)])
        if (name !== null) found.set(name, (found.get(name) ?? 0) + 1)
      this.#addImage(group, found, new Set(textsAt(flags, row)))
    }
  }

  /** What it takes to go on. */
  save(): LabelTallyState {
    return { labels: this.#labels, perImage: this.#perImage }
  }

  /** Goes on where one was saved. Called before the first row. */
  restore({ labels, perImage }: LabelTallyState): void {
    this.#labels = new Map([...labels].map(([group, counts]) => [group, new Map(counts)]))
    this.#perImage = new Map([...perImage].map(([group, counts]) => [group, new Map(counts)]))
    this.#known = [...labels.values()].reduce((sum, counts) => sum + counts.size, 0)
  }

  #addImage(group: Name, found: Map<Name, number>, flags: ReadonlySet<Name>): void {
    let total = 0
    for (const count of found.values()) total += count
    if (total === 0) found.set(null, 0)
    for (const [name, count] of found) {
      const counts = this.#countOf(group, name)
      counts.images++
      counts.labels += count
      counts.mostPerImage = Math.max(counts.mostPerImage, count)
      if (flags.size > 0) counts.flagged++
      for (const flag of flags) if (flag !== null) increase(counts.metrics, flag)
    }
    increase(within(this.#perImage, group), total)
  }

  #countOf(group: Name, name: Name): LabelCount {
    const labels = within(this.#labels, group)
    const known = labels.get(name)
    if (known) return known
    if (this.#known === this.#maxLabels)
      throw new DataError(
        `Expected at most ${String(this.#maxLabels)} labels, got another, \`${String(name)}\`: raise \`maxLabels\`, if these are labels`,
        { url: this.#columns.label ?? this.#columns.boxLabels ?? 'labels' },
      )
    this.#known++
    const made = { images: 0, labels: 0, mostPerImage: 0, flagged: 0, metrics: new Map() }
    labels.set(name, made)
    return made
  }
}

/** The texts of a list; none where there is no list. */
function textsAt(lists: Vector | null | undefined, row: number): Name[] {
  const list = lists?.get(row) as Iterable<Name> | null | undefined
  return list ? [...list] : []
}

function within<K, V>(groups: Map<Name, Map<K, V>>, group: Name): Map<K, V> {
  const known = groups.get(group)
  if (known) return known
  const made = new Map<K, V>()
  groups.set(group, made)
  return made
}

function increase<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function sorted<V>(entries: ReadonlyMap<Name, V>): [Name, V][] {
  return [...entries].sort(([a], [b]) => (a === null ? 1 : b === null ? -1 : a < b ? -1 : 1))
}
