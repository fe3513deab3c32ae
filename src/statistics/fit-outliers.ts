import { outlierLimits, type MetricRows, placeOf } from '../models/outlier-methods.ts'
import type { OutlierRules } from '../models/outlier-learner.ts'
import { beyondLimits, type KnownMetric, OutlierModel } from '../models/outlier-model.ts'
import { RankedValues } from '../models/ranked-values.ts'
import type { StoredTable } from '../table/column-store.ts'
import { labelsOf, metricValues } from './metric-values.ts'

/** The labels of all rows: a number for each row, −1 for none, and what the numbers stand for. */
interface Labels {
  readonly codes: Int32Array
  readonly names: readonly string[]
}

/**
 * Fits bounds to all rows of a table, exactly: each column is read by itself, its finite values put in order.
 *
 * Holds 8 bytes a row, with labels 20, and 16 for each value beyond its bounds.
 */
export async function fittedOutliers(
  table: StoredTable,
  rules: OutlierRules,
): Promise<OutlierModel> {
  const { columns, log, by } = rules
  const labels = by === undefined ? undefined : await readLabels(table, by)
  const known = new Map<string | null, (KnownMetric | undefined)[]>([[null, []]])
  for (const name of labels?.names ?? []) known.set(name, [])
  for (const [column, name] of columns.entries()) {
    const values = await readPlaces(table, name, log.includes(name))
    if (labels)
      for (const [label, own] of byLabel(values, labels).entries())
        known
          .get(labels.names[label] as string)
          ?.push(own.length < rules.minRows ? undefined : knownOf(rules, column, own))
    known.get(null)?.push(knownOf(rules, column, finite(values)))
  }
  return new OutlierModel({ columns, log, by, rowsSeen: table.numRows }, known)
}

async function readLabels(table: StoredTable, by: string): Promise<Labels> {
  const codes = new Int32Array(table.numRows)
  const numbers = new Map<string, number>()
  let at = 0
  for await (const batch of table.read([by]))
    for (const label of labelsOf(batch, by)) {
      if (label !== null && !numbers.has(label)) numbers.set(label, numbers.size)
      codes[at++] = label === null ? -1 : (numbers.get(label) ?? -1)
    }
  return { codes, names: [...numbers.keys()] }
}

async function readPlaces(table: StoredTable, name: string, byLog: boolean): Promise<Float64Array> {
  const places = new Float64Array(table.numRows)
  let at = 0
  for await (const batch of table.read([name])) {
    for (const value of metricValues(batch, name)) places[at++] = placeOf(value, byLog)
  }
  return places
}

/** The finite values of each label, in the order of the rows. */
function byLabel(values: Float64Array, { codes, names }: Labels): Float64Array[] {
  const ends = new Int32Array(names.length)
  for (const [row, code] of codes.entries())
    if (code >= 0 && Number.isFinite(values[row])) ends[code] = (ends[code] ?? 0) + 1
  for (let code = 1; code < ends.length; code++)
    ends[code] = (ends[code] ?? 0) + (ends[code - 1] ?? 0)
  const sorted = new Float64Array(ends.at(-1) ?? 0)
  const next = Int32Array.from(ends, (_, code) => (code === 0 ? 0 : (ends[code - 1] ?? 0)))
  for (const [row, code] of codes.entries()) {
    const value = values[row] as number
    if (code < 0 || !Number.isFinite(value)) continue
    const at = next[code] as number
    sorted[at] = value
    next[code] = at + 1
  }
  return names.map((_, code) => sorted.subarray(code === 0 ? 0 : ends[code - 1], ends[code]))
}

/** The finite ones of `values`, moved to their front. */
function finite(values: Float64Array): Float64Array {
  let count = 0
  for (const value of values) if (Number.isFinite(value)) values[count++] = value
  return values.subarray(0, count)
}

/** What is known of a column by its finite values, which are put in order. */
function knownOf(
  rules: OutlierRules,
  column: number,
  values: Float64Array,
): KnownMetric | undefined {
  const rule = rules.rules[column]
  if (!rule) return undefined
  let sum = 0
  for (const value of values) sum += value
  const mean = sum / values.length
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  const deviation = Math.sqrt(squares / values.length)
  const rows: MetricRows = { ranked: RankedValues.of(values), mean, deviation }
  const limits = outlierLimits(rules.method, rule, rows)
  return limits && beyondLimits({ limits, ranked: rows.ranked })
}
