import { DataError } from '../errors.ts'
import { float64Array, type Json, type ModelState, requireState } from './model.ts'
import type { OutlierLimits } from './outlier-methods.ts'
import { RankedValues } from './ranked-values.ts'

/** What is known of a metric: its bounds, and the ranks of its values. */
export interface KnownMetric {
  /** The bounds. */
  readonly limits: OutlierLimits
  /** The places of the values that it was learned from, or only those beyond the bounds. */
  readonly ranked: RankedValues
}

/** Bounds that a value is held against. */
export interface FoundMetric extends KnownMetric {
  /** Whether they are those of the row's label, not of all rows. */
  readonly own: boolean
}

/** Where the bounds of metrics are found. */
export interface OutlierBounds {
  /** Names of the metrics. */
  readonly columns: readonly string[]
  /** Those of them that are compared by their logarithms. */
  readonly log: readonly string[]
  /** The column of labels, if there are bounds per label. */
  readonly by: string | undefined
  /** Rows learned. */
  readonly rowsSeen: number
  /** The bounds of the metric at `column` for a row of `group`; undefined if nothing can be said. */
  readonly find: (column: number, group: string | null) => FoundMetric | undefined
}

/** What a model keeps of each metric: of all rows, and of each label that has enough. */
export type KnownByGroup = ReadonlyMap<string | null, readonly (KnownMetric | undefined)[]>

const kind = 'outliers'
const version = 1

/** The bounds of metrics, fitted: what `outliers` scores new rows by. */
export class OutlierModel implements OutlierBounds {
  /** As saved. */
  readonly kind = kind
  readonly columns: readonly string[]
  readonly log: readonly string[]
  readonly by: string | undefined
  readonly rowsSeen: number
  readonly #known: KnownByGroup

  constructor(
    about: Omit<OutlierBounds, 'find'>,
    /** The metrics in the order of `columns`: of all rows (null), and of each label. */
    known: KnownByGroup,
  ) {
    this.columns = about.columns
    this.log = about.log
    this.by = about.by
    this.rowsSeen = about.rowsSeen
    this.#known = known
  }

  /**
   * A model from what {@link OutlierModel.state} gave.
   *
   * @throws {DataError} if it is of another kind or version, or its arrays do not fit one another
   */
  static fromState(state: ModelState): OutlierModel {
    requireState(state, kind, version)
    const columns = state.parameters['columns'] as readonly string[]
    const groups = state.parameters['groups'] as readonly (string | null)[]
    const log = state.parameters['log'] as readonly string[]
    const by = state.parameters['by'] as string | null
    const count = groups.length * columns.length
    const limits = float64Array(state, 'limits', [count, 4])
    const sizes = float64Array(state, 'sizes', [count])
    const values = float64Array(state, 'values', [null])
    const ends = float64Array(state, 'ends', [values.length])
    let at = 0
    function known(index: number): KnownMetric | undefined {
      const from = at
      at += sizes[index] ?? 0
      const [lower = NaN, upper = NaN, lowerScale = NaN, upperScale = NaN] = limits.subarray(
        index * 4,
        index * 4 + 4,
      )
      if (Number.isNaN(lower)) return undefined
      const ranked = new RankedValues(values.slice(from, at), ends.slice(from, at))
      return { limits: { lower, upper, lowerScale, upperScale }, ranked }
    }
    const all = new Map(
      groups.map((group, g) => [group, columns.map((_, i) => known(g * columns.length + i))]),
    )
    if (at !== values.length)
      throw new DataError(
        `Expected ${String(at)} values of the metrics in the model, got ${String(values.length)}`,
        { url: state.origin ?? 'memory' },
      )
    return new OutlierModel({ columns, log, by: by ?? undefined, rowsSeen: state.rowsSeen }, all)
  }

  find(column: number, group: string | null): FoundMetric | undefined {
    const own = group === null ? undefined : this.#known.get(group)?.[column]
    if (own) return { ...own, own: true }
    const known = this.#known.get(null)?.[column]
    return known && { ...known, own: false }
  }

  /** All it takes to make the model again. */
  state(): ModelState {
    const all = [...this.#known.values()].flat()
    const kept = all.map((known) => known && beyondLimits(known).ranked)
    const limits = all.flatMap((known) => limitsList(known?.limits))
    const sizes = kept.map((ranked) => ranked?.values.length ?? 0)
    const values = kept.flatMap((ranked) => [...(ranked?.values ?? [])])
    const ends = kept.flatMap((ranked) => [...(ranked?.ends ?? [])])
    const groups: Json = [...this.#known.keys()]
    return {
      kind,
      version,
      parameters: { columns: this.columns, log: this.log, by: this.by ?? null, groups },
      arrays: {
        limits: { shape: [all.length, 4], values: Float64Array.from(limits) },
        sizes: { shape: [all.length], values: Float64Array.from(sizes) },
        values: { shape: [values.length], values: Float64Array.from(values) },
        ends: { shape: [values.length], values: Float64Array.from(ends) },
      },
      rowsSeen: this.rowsSeen,
    }
  }
}

/** A metric with the values that are beyond its bounds, which is all that reasons need. */
export function beyondLimits({ limits, ranked }: KnownMetric): KnownMetric {
  return { limits, ranked: ranked.beyond(limits.lower, limits.upper) }
}

function limitsList(limits: OutlierLimits | undefined): readonly number[] {
  if (!limits) return [NaN, NaN, NaN, NaN]
  return [limits.lower, limits.upper, limits.lowerScale, limits.upperScale]
}
