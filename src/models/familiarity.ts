import { DataError } from '../errors.ts'
import type { Density, DensityScores, DensityStrategy } from './density.ts'
import { FamiliarityPasses, type FamiliaritySettings, type GroupGap } from './familiarity-passes.ts'
import { type Json, type Matrix, type Model, type ModelState, requireState } from './model.ts'
import { packStates, unpackStates } from './packed-states.ts'
import { requireFinite } from './row-blocks.ts'
import { groupsOf } from './row-groups.ts'

export type { FamiliaritySettings, GroupGap } from './familiarity-passes.ts'

const kind = 'familiarity'
const version = 1
/** Kind of what is kept of a group that has no density yet. */
const waitingKind = 'rows'

/**
 * How familiar rows are: their log density among all rows, or among those of their group.
 *
 * - Passes: one that counts the rows of each group; those of the densities, of up to 16 groups at once; for
 *   `gaps` one that scores the rows of each group by the densities of the others, among up to 16 groups.
 * - A group of fewer than `minRows` rows has no density: its rows score NaN, as do rows in no group.
 * - Online: such a group gets its density when it has had `minRows` rows since the warm-up.
 * - A value that is not finite: an error in `learn`; NaN for that row in `apply`.
 */
export class Familiarity implements Model<DensityScores> {
  readonly kind = kind
  readonly #strategy: DensityStrategy
  readonly #settings: FamiliaritySettings
  readonly #waiting = new Map<string, Matrix>()
  #passes: FamiliarityPasses | undefined
  #densities = new Map<string, Density>()
  #gaps: readonly GroupGap[] = []
  #rows = 0

  constructor(strategy: DensityStrategy, settings: FamiliaritySettings) {
    this.#strategy = strategy
    this.#settings = settings
  }

  /**
   * Makes a model from what {@link Familiarity.state} gave.
   *
   * @throws {DataError} if the state is of another kind, version, shape or strategy
   */
  static fromState(state: ModelState, strategy: DensityStrategy): Familiarity {
    requireState(state, kind, version)
    const { strategy: type, settings, groups, gaps } = state.parameters
    if (type !== strategy.type)
      throw new DataError(
        `Expected densities of strategy \`${strategy.type}\`, got those of ${JSON.stringify(type)}`,
        { url: state.origin ?? 'memory' },
      )
    const model = new Familiarity(strategy, settings as unknown as FamiliaritySettings)
    for (const [group, one] of unpackStates(groups, state))
      if (one.kind === waitingKind) model.#waiting.set(group, waitingRows(one))
      else model.#densities.set(group, strategy.fromState(one))
    model.#gaps = gaps as unknown as readonly GroupGap[]
    model.#rows = state.rowsSeen
    return model
  }

  /** Rows learned, those in no group left out. */
  get rowsSeen(): number {
    return this.#rows
  }

  /** Values in a row. */
  get columns(): number {
    return this.#settings.columns
  }

  /** Whether rows come in groups. */
  get grouped(): boolean {
    return this.#settings.grouped
  }

  /** The densities by group. */
  get densities(): ReadonlyMap<string, Density> {
    return this.#densities
  }

  /** The gaps between the groups in the last fit; none if they were not asked for. */
  get gaps(): readonly GroupGap[] {
    return this.#gaps
  }

  /** Starts a pass. */
  async begin(): Promise<void> {
    this.#passes ??= new FamiliarityPasses(this.#strategy, this.#settings)
    await this.#passes.begin()
  }

  /** @throws {DataError} if a value is not finite */
  async learn(rows: Matrix): Promise<void> {
    await this.#underWay().learn(rows)
  }

  /** Adds the statistics of the same pass over other rows. */
  async merge(other: Familiarity): Promise<void> {
    await this.#underWay().merge(other.#underWay())
  }

  /** @throws {DataError} if a density cannot be fitted */
  async end(): Promise<boolean> {
    const fitted = await this.#underWay().end()
    if (!fitted) return true
    this.#passes = undefined
    this.#densities = new Map(fitted.densities)
    this.#gaps = fitted.gaps
    this.#rows = fitted.rows
    this.#waiting.clear()
    return false
  }

  /** Goes from a fit to online learning. */
  beginOnline(): void {
    for (const density of this.#densities.values()) density.beginOnline?.()
  }

  /** One step of each group's density, or the fit of a group that has enough rows now. */
  async learnOnline(window: Matrix): Promise<void> {
    requireFinite(window)
    for (const { group, matrix } of groupsOf(window)) {
      if (group === null) continue
      this.#rows += matrix.rows
      const density = this.#densities.get(group)
      if (density) await density.learnOnline(matrix)
      else await this.#await(group, matrix)
    }
  }

  /** Log density and percentile of each row among those of its group. */
  async apply(rows: Matrix): Promise<DensityScores> {
    const logDensity = new Float64Array(rows.rows).fill(NaN)
    const percentile = logDensity.slice()
    for (const { group, rows: at, matrix } of groupsOf(rows)) {
      const density = group === null ? undefined : this.#densities.get(group)
      const scores = await density?.apply(matrix)
      if (!scores) continue
      at.forEach((row, i) => {
        logDensity[row] = scores.logDensity[i] ?? NaN
        percentile[row] = scores.percentile[i] ?? NaN
      })
    }
    return { logDensity, percentile }
  }

  /** What was fitted. */
  state(): ModelState {
    const states = new Map([...this.#densities].map(([group, d]) => [group, d.state()]))
    for (const [group, rows] of this.#waiting) states.set(group, waitingState(rows))
    const { packed, arrays } = packStates(states)
    const parameters = {
      strategy: this.#strategy.type,
      settings: { ...this.#settings },
      gaps: this.#gaps as unknown as Json,
      groups: packed,
    }
    return { kind, version, rowsSeen: this.#rows, parameters, arrays }
  }

  async #await(group: string, rows: Matrix): Promise<void> {
    const all = joined(this.#waiting.get(group), rows)
    if (all.rows < this.#settings.minRows) {
      this.#waiting.set(group, all)
      return
    }
    this.#waiting.delete(group)
    const density = this.#strategy.make({
      ...all,
      shape: [all.columns],
      seed: this.#settings.seed,
    })
    do {
      await density.begin()
      await density.learn(all)
    } while (await density.end())
    density.beginOnline?.()
    this.#densities.set(group, density)
  }

  #underWay(): FamiliarityPasses {
    if (this.#passes) return this.#passes
    throw new Error('Expected a pass, got a model before `begin`')
  }
}

function joined(before: Matrix | undefined, after: Matrix): Matrix {
  if (!before) return after
  const size = before.values.length + after.values.length
  const values = new (after.values.constructor as Float64ArrayConstructor)(size)
  values.set(before.values)
  values.set(after.values, before.values.length)
  return { rows: before.rows + after.rows, columns: after.columns, values }
}

function waitingState({ rows, columns, values }: Matrix): ModelState {
  const arrays = { waiting: { shape: [rows, columns], values } }
  return { kind: waitingKind, version, rowsSeen: rows, parameters: {}, arrays }
}

function waitingRows({ arrays }: ModelState): Matrix {
  const { shape = [], values } = arrays['waiting'] ?? {}
  const [rows = 0, columns = 0] = shape
  return { rows, columns, values: values as Matrix['values'] }
}
