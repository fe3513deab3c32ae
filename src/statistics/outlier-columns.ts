import {
  type DataType,
  Field,
  Float64,
  List,
  makeData,
  makeVector,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import type { Column } from '../batch/batch.ts'
import type { FoundMetric, OutlierBounds } from '../models/outlier-model.ts'
import type { MetricColumns } from '../models/outlier-learner.ts'
import { placeOf, valueAt } from '../models/outlier-methods.ts'
import { metricOf } from './metrics.ts'

function listField(name: string, type: DataType): Field<List> {
  return new Field(name, new List(new Field('item', type, true)), true)
}

const metricsField = listField('outlier_metrics', new Utf8())
const valuesField = listField('outlier_values', new Float64())
const boundsField = listField('outlier_bounds', new Float64())
const reasonsField = listField('outlier_reasons', new Utf8())
const scoreField = new Field('outlier_score', new Float64(), true)

/** The columns that `outliers` adds. */
export const outlierFields: readonly Field[] = [
  ...[metricsField, valuesField, boundsField, reasonsField],
  scoreField,
]

/** Rows to be held against bounds. */
export interface MeasuredRows {
  /** By metric their values, NaN for none. */
  readonly values: MetricColumns
  /** How many. */
  readonly numRows: number
  /** Their labels, where there are bounds per label. */
  readonly groups: readonly (string | null)[] | undefined
  /** Whether they are among those that the bounds were learned from. */
  readonly learned: boolean
}

/** A value beyond its bound. */
interface Finding {
  readonly name: string
  readonly value: number
  readonly bound: number
  /** How far beyond, in scales. */
  readonly excess: number
  readonly reason: string
}

/** What the bounds say of rows: a column for each of {@link outlierFields}. */
export function outlierColumns(bounds: OutlierBounds, rows: MeasuredRows): Column[] {
  const findings: Finding[][] = []
  const scores: (number | null)[] = []
  const byLog = bounds.columns.map((name) => bounds.log.includes(name))
  const byGroup = new Map<string | null, readonly (FoundMetric | undefined)[]>()
  for (let row = 0; row < rows.numRows; row++) {
    const group = rows.groups?.[row] ?? null
    const known = byGroup.get(group) ?? bounds.columns.map((_, i) => bounds.find(i, group))
    byGroup.set(group, known)
    const found: Finding[] = []
    let score = -Infinity
    for (let i = 0; i < known.length; i++) {
      const value = rows.values[i]?.[row] ?? NaN
      const place = placeOf(value, byLog[i] === true)
      const metric = known[i]
      if (!metric || !Number.isFinite(place)) continue
      const { lower, upper, lowerScale, upperScale } = metric.limits
      const excess = Math.max((lower - place) / lowerScale, (place - upper) / upperScale)
      if (excess > score) score = excess
      if (place < lower || place > upper)
        found.push(finding(bounds, i, { metric, value, place, excess, learned: rows.learned }))
    }
    // Sorting keeps the order of the metrics among equals.
    findings.push(found.sort((a, b) => b.excess - a.excess))
    scores.push(score === -Infinity ? null : score)
  }
  return columnsOf(findings, scores)
}

function finding(
  { columns, log, by }: OutlierBounds,
  column: number,
  {
    metric: { limits, ranked, own },
    value,
    place,
    excess,
    learned,
  }: { metric: FoundMetric; value: number; place: number; excess: number; learned: boolean },
): Finding {
  const name = columns[column] ?? ''
  const isLow = place < limits.lower
  const bound = valueAt(isLow ? limits.lower : limits.upper, log.includes(name))
  const { low, high } = metricOf(name)
  const others = isLow ? ranked.count - ranked.upTo(place) : ranked.below(place)
  const among = { others, of: ranked.count, learned, set: own ? `its ${by ?? ''}` : 'the set' }
  return { name, value, bound, excess, reason: `${isLow ? low : high} than ${share(among)}` }
}

/**
 * How many are less extreme: rounded down, so that it never says more than is so, and never 100 %.
 */
function share(among: {
  readonly others: number
  readonly of: number
  readonly learned: boolean
  readonly set: string
}): string {
  const { others, of, learned, set } = among
  if (of === 0) return 'the bound that was given'
  if (others >= (learned ? of - 1 : of)) return `all others of ${set}`
  return `${String(Math.floor((1000 * others) / of) / 10)} % of ${set}`
}

function columnsOf(findings: readonly Finding[][], scores: readonly (number | null)[]): Column[] {
  const offsets = new Int32Array(findings.length + 1)
  for (const [row, found] of findings.entries())
    offsets[row + 1] = (offsets[row] ?? 0) + found.length
  const all = findings.flat()
  function lists(field: Field<List>, child: Vector): Column {
    const data = makeData({
      type: field.type,
      length: findings.length,
      nullCount: 0,
      valueOffsets: offsets,
      child: child.data[0] as never,
    })
    return { field, vector: makeVector(data) }
  }
  return [
    lists(
      metricsField,
      vectorFromArray(
        all.map((each) => each.name),
        new Utf8(),
      ),
    ),
    lists(
      valuesField,
      vectorFromArray(
        all.map((each) => each.value),
        new Float64(),
      ),
    ),
    lists(
      boundsField,
      vectorFromArray(
        all.map((each) => each.bound),
        new Float64(),
      ),
    ),
    lists(
      reasonsField,
      vectorFromArray(
        all.map((each) => each.reason),
        new Utf8(),
      ),
    ),
    { field: scoreField, vector: vectorFromArray(scores, new Float64()) },
  ]
}
