import { isWhole } from './manifest.ts'
import { float64Array, type Json, type ModelState, requireState } from './model.ts'
import type { OutlierLimits } from './outlier-methods.ts'
import { RankedValues } from './ranked-values.ts'
import { areNames, firstUnsorted, type SavedCheck, savedCheck } from './saved-check.ts'

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
   * @throws {DataError} if it is of another kind or version, or what it says cannot be
   */
  static fromState(state: ModelState): OutlierModel {
    const { columns, log, by, groups } = savedParameters(state)
    const count = groups.length * columns.length
    const limits = float64Array(state, 'limits', [count, 4])
    const sizes = float64Array(state, 'sizes', [count])
    const values = float64Array(state, 'values', [null])
    const ends = float64Array(state, 'ends', [values.length])
    const check = savedCheck(state)
    let at = 0
    function known(index: number): KnownMetric | undefined {
      const four = limits.subarray(index * 4, index * 4 + 4)
      const [lower = NaN, upper = NaN, lowerScale = NaN, upperScale = NaN] = four
      const from = at
      const size = sizes[index] ?? NaN
      check(isWhole(size) && size <= values.length - from, '`sizes` within the values', size)
      at += size
      if (four.every(Number.isNaN)) {
        check(size === 0, 'no values of a metric without bounds', size)
        return undefined
      }
      checkLimits(check, four)
      const ranked = new RankedValues(values.slice(from, at), ends.slice(from, at))
      checkRanked(check, ranked, state.rowsSeen)
      return { limits: { lower, upper, lowerScale, upperScale }, ranked }
    }
    const all = new Map(
      groups.map((group, g) => [group, columns.map((_, i) => known(g * columns.length + i))]),
    )
    check(at === values.length, `${String(at)} values of the metrics`, values.length)
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

function savedParameters(state: ModelState): {
  readonly columns: readonly string[]
  readonly log: readonly string[]
  readonly by: string | null
  readonly groups: readonly (string | null)[]
} {
  requireState(state, kind, version)
  const check = savedCheck(state)
  const { columns, log, by = null, groups } = state.parameters
  check(areNames(columns), '`columns` to be a list of different names', columns)
  check(
    areNames(log) && log.every((name) => (columns as readonly string[]).includes(name)),
    '`log` to be a list of some of the `columns`',
    log,
  )
  check(by === null || typeof by === 'string', '`by` to be a name or null', by)
  const labels: unknown = Array.isArray(groups) ? groups.filter((group) => group !== null) : groups
  const isOnce = Array.isArray(groups) && new Set(groups).size === groups.length
  check(isOnce && areNames(labels), '`groups` to be a list of different labels', groups)
  return { columns, log, by, groups } as ReturnType<typeof savedParameters>
}

function checkLimits(check: SavedCheck, [lower, upper, ...scales]: Float64Array): void {
  check(lower !== undefined && lower < Infinity, 'a bound below', lower)
  check(upper !== undefined && upper > -Infinity, 'a bound above', upper)
  for (const scale of scales) check(scale >= 0, 'a scale of at least 0', scale)
}

function checkRanked(check: SavedCheck, { values, ends, count }: RankedValues, rows: number): void {
  const unsorted = firstUnsorted(values)
  check(unsorted < 0, '`values` of a metric that are finite and ascend', values[unsorted])
  const lost = ends?.findIndex((end, i) => !isWhole(end) || end < (ends[i - 1] ?? 0)) ?? -1
  check(lost < 0, '`ends` of a metric that are whole and ascend', ends?.[lost])
  check(count <= rows, `\`ends\` of at most ${String(rows)} rows`, count)
}

/** A metric with the values that are beyond its bounds, which is all that reasons need. */
export function beyondLimits({ limits, ranked }: KnownMetric): KnownMetric {
  return { limits, ranked: ranked.beyond(limits.lower, limits.upper) }
}

function limitsList(limits: OutlierLimits | undefined): readonly number[] {
  if (!limits) return [NaN, NaN, NaN, NaN]
  return [limits.lower, limits.upper, limits.lowerScale, limits.upperScale]
}
