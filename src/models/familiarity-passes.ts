import type { Density, DensityStrategy } from './density.ts'
import { type Gap, GapTally } from './gap.ts'
import type { Matrix } from './model.ts'
import { requireFinite } from './row-blocks.ts'
import { groupsOf } from './row-groups.ts'

/** What familiarity is fitted with. */
export interface FamiliaritySettings {
  /** Values in a row. */
  readonly columns: number
  /** Whether rows come in groups. */
  readonly grouped: boolean
  /** Rows that a group needs to have a density. */
  readonly minRows: number
  /** Whether the gaps between the groups are measured too. */
  readonly gaps: boolean
  /** For whatever is random. */
  readonly seed: number
}

/** How one group compares with the density of another. */
export interface GroupGap extends Gap {
  /** The group that the density was fitted to. */
  readonly fit: string
  /** The group that was scored by it. */
  readonly other: string
}

/** What the passes come to. */
export interface FittedFamiliarity {
  /** The densities, by group. */
  readonly densities: ReadonlyMap<string, Density>
  /** Gaps between the groups. */
  readonly gaps: readonly GroupGap[]
  /** Rows that were in a group. */
  readonly rows: number
}

/** Densities fitted in the same passes: each holds a block of rows, and a sample. */
const groupsAtOnce = 16
/** Groups between which gaps are measured, which takes a score of each row by each: those of most rows. */
const groupsCompared = 16

/** `count` the rows of each group, `fit` the densities of some groups, `compare` each group with the others. */
type Phase = 'count' | 'fit' | 'compare'

/** The passes of one fit of familiarity. */
export class FamiliarityPasses {
  readonly #strategy: DensityStrategy
  readonly #settings: FamiliaritySettings
  readonly #counts = new Map<string, number>()
  readonly #fitted = new Map<string, Density>()
  /** Tallies by the group of the density, then by that of the rows. */
  readonly #tallies = new Map<string, Map<string, GapTally>>()
  #phase: Phase = 'count'
  #fitting = new Map<string, Density>()
  /** Groups that have enough rows, of most rows first. */
  #groups: readonly string[] = []

  constructor(strategy: DensityStrategy, settings: FamiliaritySettings) {
    this.#strategy = strategy
    this.#settings = settings
  }

  /** Starts a pass. */
  async begin(): Promise<void> {
    for (const density of this.#fitting.values()) await density.begin()
  }

  /** Adds rows to the pass. */
  async learn(rows: Matrix): Promise<void> {
    if (this.#phase === 'count') requireFinite(rows)
    for (const { group, matrix } of groupsOf(rows)) {
      if (group === null) continue
      if (this.#phase === 'count') this.#count(group, matrix.rows)
      else if (this.#phase === 'fit') await this.#fitting.get(group)?.learn(matrix)
      else await this.#compare(group, matrix)
    }
  }

  /** Adds what `other` gathered in the same pass. */
  async merge(other: FamiliarityPasses): Promise<void> {
    if (this.#phase === 'count') for (const [group, rows] of other.#counts) this.#count(group, rows)
    for (const [group, density] of this.#fitting) {
      const part = other.#fitting.get(group)
      if (part) await density.merge(part)
    }
    for (const [fit, tallies] of other.#tallies)
      for (const [group, tally] of tallies) this.#tally(fit, group).merge(tally)
  }

  /** Ends the pass; gives the densities after the last one. */
  async end(): Promise<FittedFamiliarity | undefined> {
    if (this.#phase === 'compare') return this.#result()
    if (this.#phase === 'count') {
      const enough = [...this.#counts].filter(([, rows]) => rows >= this.#settings.minRows)
      enough.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
      this.#groups = enough.map(([group]) => group)
      this.#phase = 'fit'
    }
    for (const [group, density] of this.#fitting) {
      if (await density.end()) continue
      this.#fitted.set(group, density)
      this.#fitting.delete(group)
    }
    if (this.#fitting.size === 0) this.#next()
    if (this.#fitting.size > 0) return undefined
    if (!this.#settings.gaps) return this.#result()
    this.#phase = 'compare'
    return undefined
  }

  #count(group: string, rows: number): void {
    this.#counts.set(group, (this.#counts.get(group) ?? 0) + rows)
  }

  /** Starts the densities of the next groups. */
  #next(): void {
    const { columns, seed } = this.#settings
    const from = this.#fitted.size
    for (const group of this.#groups.slice(from, from + groupsAtOnce)) {
      const rows = this.#counts.get(group) ?? 0
      this.#fitting.set(group, this.#strategy.make({ columns, shape: [columns], rows, seed }))
    }
  }

  async #compare(group: string, rows: Matrix): Promise<void> {
    const compared = this.#groups.slice(0, groupsCompared)
    if (!compared.includes(group)) return
    for (const fit of compared) {
      if (fit === group) continue
      const scores = await this.#fitted.get(fit)?.apply(rows)
      for (const score of scores?.logDensity ?? []) this.#tally(fit, group).add(score)
    }
  }

  #tally(fit: string, group: string): GapTally {
    const tallies = this.#tallies.get(fit) ?? new Map<string, GapTally>()
    this.#tallies.set(fit, tallies)
    const density = this.#fitted.get(fit)
    const tally = tallies.get(group) ?? (density && new GapTally(density.reference))
    if (!tally) throw new Error(`Expected a density of \`${fit}\`, got none`)
    tallies.set(group, tally)
    return tally
  }

  #result(): FittedFamiliarity {
    const gaps = [...this.#tallies].flatMap(([fit, tallies]) =>
      [...tallies].flatMap(([other, { gap }]) => (gap ? [{ fit, other, ...gap }] : [])),
    )
    gaps.sort((a, b) => order(a.fit, b.fit) || order(a.other, b.other))
    const rows = [...this.#counts.values()].reduce((a, b) => a + b, 0)
    return { densities: this.#fitted, gaps, rows }
  }
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
