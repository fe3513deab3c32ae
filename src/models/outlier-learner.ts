import { outlierLimits, type OutlierMethod, type OutlierRule, placeOf } from './outlier-methods.ts'
import {
  beyondLimits,
  type FoundMetric,
  type KnownMetric,
  type OutlierBounds,
  OutlierModel,
} from './outlier-model.ts'
import { RunningNumbers, type RunningNumbersState } from './running-numbers.ts'

/** By which rules the bounds of metrics are made. */
export interface OutlierRules {
  /** Names of the metrics. */
  readonly columns: readonly string[]
  /** Those of them that are compared by their logarithms. */
  readonly log: readonly string[]
  /** The column of labels, if there are bounds per label. */
  readonly by: string | undefined
  /** The method. */
  readonly method: OutlierMethod
  /** The rule of each metric, in the order of `columns`. */
  readonly rules: readonly OutlierRule[]
  /** Rows with a value that a label needs for bounds of its own. */
  readonly minRows: number
}

/** How far a rank of a sketch may be off, in parts of the rows. */
export const rankError = 0.001

/** Values by metric, a column of them each; NaN where there is none. */
export type MetricColumns = readonly Float64Array[]

/** What {@link OutlierLearner.state} gives, for `structuredClone`. */
export interface OutlierLearnerState {
  /** Rows learned. */
  readonly rowsSeen: number
  /** By label (null: all rows) the metrics in order. */
  readonly groups: ReadonlyMap<string | null, readonly RunningNumbersState[]>
}

/**
 * Learns the bounds of metrics row by row: mean and deviation exactly (Welford), the rest by a
 * {@link RankSketch} of which no rank is off by more than 0.1 % of the rows.
 *
 * Memory: 36 KB per metric as a rule and at most 130 KB as far as measured; with labels as much for each of them.
 */
export class OutlierLearner implements OutlierBounds {
  readonly columns: readonly string[]
  readonly log: readonly string[]
  readonly by: string | undefined
  readonly #byLog: readonly boolean[]
  readonly #rules: OutlierRules
  readonly #groups = new Map<string | null, RunningMetric[]>()
  #rowsSeen = 0

  constructor(rules: OutlierRules, state?: OutlierLearnerState) {
    this.columns = rules.columns
    this.log = rules.log
    this.#byLog = rules.columns.map((name) => rules.log.includes(name))
    this.by = rules.by
    this.#rules = rules
    this.#rowsSeen = state?.rowsSeen ?? 0
    for (const [group, metrics] of state?.groups ?? [])
      this.#groups.set(
        group,
        metrics.map((metric) => new RunningMetric(metric)),
      )
  }

  get rowsSeen(): number {
    return this.#rowsSeen
  }

  /** Learns `rows` rows; values that are not finite are left out. */
  learn(values: MetricColumns, rows: number, groups?: readonly (string | null)[]): void {
    for (let row = 0; row < rows; row++) {
      const group = groups?.[row] ?? null
      const own = group === null ? undefined : this.#metricsOf(group)
      const all = this.#metricsOf(null)
      for (const [i, column] of values.entries()) {
        const place = placeOf(column[row] as number, this.#byLog[i] === true)
        if (!Number.isFinite(place)) continue
        all[i]?.add(place)
        own?.[i]?.add(place)
      }
    }
    this.#rowsSeen += rows
  }

  find(column: number, group: string | null): FoundMetric | undefined {
    const own = group === null ? undefined : this.#known(column, group)
    if (own) return { ...own, own: true }
    const known = this.#known(column, null)
    return known && { ...known, own: false }
  }

  /** The bounds as they are now. */
  model(): OutlierModel {
    const { columns, log, by, rowsSeen } = this
    const known = [...this.#groups.keys()].map(
      (group) => [group, columns.map((_, i) => beyond(this.#known(i, group)))] as const,
    )
    return new OutlierModel({ columns, log, by, rowsSeen }, new Map(known))
  }

  /** All it takes to go on as if nothing had happened. */
  state(): OutlierLearnerState {
    const groups = [...this.#groups].map(
      ([group, metrics]) => [group, metrics.map((metric) => metric.state())] as const,
    )
    return { rowsSeen: this.#rowsSeen, groups: new Map(groups) }
  }

  #known(column: number, group: string | null): KnownMetric | undefined {
    const metric = this.#groups.get(group)?.[column]
    const rule = this.#rules.rules[column]
    if (!metric || !rule || (group !== null && metric.count < this.#rules.minRows)) return undefined
    return metric.known(this.#rules.method, rule)
  }

  #metricsOf(group: string | null): RunningMetric[] {
    const metrics = this.#groups.get(group) ?? this.columns.map(() => new RunningMetric())
    this.#groups.set(group, metrics)
    return metrics
  }
}

function beyond(known: KnownMetric | undefined): KnownMetric | undefined {
  return known && beyondLimits(known)
}

/** A metric as far as its values have come. */
class RunningMetric {
  readonly #numbers: RunningNumbers
  /** Empty until it is asked for after a value. */
  #known: { readonly known: KnownMetric | undefined } | undefined

  constructor(state?: RunningNumbersState) {
    this.#numbers = new RunningNumbers(rankError, state)
  }

  get count(): number {
    return this.#numbers.count
  }

  add(value: number): void {
    this.#known = undefined
    this.#numbers.add(value)
  }

  known(method: OutlierMethod, rule: OutlierRule): KnownMetric | undefined {
    if (this.#known) return this.#known.known
    const { ranked } = this.#numbers
    const limits = outlierLimits(method, rule, this.#numbers)
    const known = limits && { limits, ranked }
    this.#known = { known }
    return known
  }

  state(): RunningNumbersState {
    return this.#numbers.state()
  }
}
