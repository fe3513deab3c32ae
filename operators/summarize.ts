import { DataType, Field, Float64, Int64, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { batchOf, column, float64Column, int64Column, textColumn } from '../src/batch/batch.ts'
import { isKind, requireField } from '../src/batch/schema.ts'
import { DataError, SchemaError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import { columnList, knownOptions, numberBetween } from '../src/options.ts'
import { ColumnSummary, type ColumnSummaryState } from '../src/statistics/column-summary.ts'
import { metricValues } from '../src/statistics/metric-values.ts'

/** Options of {@link summarize}. */
export interface SummarizeOptions {
  /**
   * Columns of numbers, or of lists of numbers: of these each place is summarized by itself, as `name[0]`.
   *
   * @default all columns of numbers
   */
  readonly columns?: readonly string[]
  /**
   * How far off the rank of a quantile may be, in parts of the rows.
   *
   * @default 0.001
   */
  readonly error?: number
}

const shares = { min: 0, p5: 0.05, p25: 0.25, median: 0.5, p75: 0.75, p95: 0.95, max: 1 }
/** Most places of a list that are summarized. */
const mostPlaces = 64

const schema = new Schema([
  new Field('column', new Utf8(), true),
  ...['count', 'missing'].map((name) => new Field(name, new Int64(), true)),
  ...['mean', 'std', ...Object.keys(shares)].map((name) => new Field(name, new Float64(), true)),
])

/**
 * Makes a table of what the numbers of a flow are like.
 *
 * - Rows: one per column, in the order of `columns` or of the input, when the input has ended; of a column of lists one for
 *   each place; of an input without rows none.
 * - Columns: those of numbers → `column` (Utf8), `count`, `missing` (Int64: null, NaN or infinite), `mean`, `std` (of the
 *   population), `min`, `p5`, `p25`, `median`, `p75`, `p95`, `max` (Float64; NaN for a column without a number). Between two
 *   values a quantile is their mean.
 * - Count, mean, deviation, least and greatest value are exact. The rank of a quantile is off by at most `error` of the rows;
 *   up to 1 / (2 · error) rows, 500 by default, it is exact.
 * - State: a sketch per column, 36 KB as a rule for 1,000,000 rows. It is the state at a barrier.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if a column is missing or of something else
 * @throws {DataError} on the stream, if a list has more than 64 numbers
 * @see src/models/rank-sketch.ts for the quantiles
 * @example
 * pictures$.pipe(imageStats(), summarize()) // => { column: 'mean', count: 299n, median: 0.83, … }
 */
export function summarize(
  options: SummarizeOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('summarize', options, ['columns', 'error'])
  const given = options.columns === undefined ? undefined : columnList('columns', options.columns)
  const error = numberBetween('error', options.error ?? 0.001, 1e-6, 0.5)

  return operate<RecordBatch, RecordBatch>({
    name: 'summarize',
    schema(input) {
      checkedColumns(input, given)
      return schema
    },
    learns: true,
    holds: 'a sketch per column, some 36 KB each',
    settings: { ...(given && { columns: given }), error },
    start() {
      let summaries = new Map<string, ColumnSummary>()
      function summaryOf(name: string): ColumnSummary {
        const summary = summaries.get(name) ?? new ColumnSummary(error)
        summaries.set(name, summary)
        return summary
      }
      return {
        *next(batch) {
          if (batch.numRows === 0) return
          for (const field of checkedColumns(batch.schema, given))
            if (isKind(field, 'number')) {
              const summary = summaryOf(field.name)
              for (const value of metricValues(batch, field.name)) summary.add(value)
            } else addLists(batch, field.name, summaryOf)
        },
        *flush() {
          if (summaries.size > 0) yield tableOf(summaries)
        },
        snapshot: () => [...summaries].map(([name, summary]) => [name, summary.state()]),
        restore(state) {
          const saved = state as [string, ColumnSummaryState][]
          summaries = new Map(saved.map(([name, from]) => [name, new ColumnSummary(error, from)]))
        },
      }
    },
  })
}

/** The columns that are summarized. */
function checkedColumns(input: Schema, given: readonly string[] | undefined): readonly Field[] {
  if (!given) return input.fields.filter((field) => isKind(field, 'number'))
  return given.map((name) => {
    const field = requireField(input, name, { owner: 'summarize' })
    if (isKind(field, 'number') || isNumbers(field.type as DataType)) return field
    throw new SchemaError(
      `Expected column \`${name}\` of summarize to be numbers or lists of numbers, got ${String(field.type)}`,
      { column: name },
    )
  })
}

function isNumbers(type: DataType): boolean {
  if (!DataType.isList(type) && !DataType.isFixedSizeList(type)) return false
  const [item] = type.children
  return item !== undefined && isKind(item, 'number')
}

function addLists(
  batch: RecordBatch,
  name: string,
  summaryOf: (name: string) => ColumnSummary,
): void {
  const lists = column(batch, name)
  for (let row = 0; row < batch.numRows; row++) {
    const numbers = lists.get(row) as Iterable<number | bigint | null> | null
    let place = 0
    for (const value of numbers ?? []) {
      if (place === mostPlaces)
        throw new DataError(
          `Expected at most ${String(mostPlaces)} numbers in a list of \`${name}\` for summarize, got more; name other columns`,
          { url: name },
        )
      summaryOf(`${name}[${String(place++)}]`).add(value === null ? NaN : Number(value))
    }
  }
}

function tableOf(summaries: ReadonlyMap<string, ColumnSummary>): RecordBatch {
  const rows = [...summaries.values()].map((summary) => summary.summary(Object.values(shares)))
  function numbers(name: string, values: readonly number[]) {
    return float64Column(name, Float64Array.from(values))
  }
  function counts(name: 'count' | 'missing') {
    return int64Column(
      name,
      rows.map((row) => BigInt(row[name])),
    )
  }
  return batchOf(
    [
      textColumn('column', [...summaries.keys()]),
      ...[counts('count'), counts('missing')],
      numbers(
        'mean',
        rows.map(({ mean }) => mean),
      ),
      numbers(
        'std',
        rows.map(({ std }) => std),
      ),
      ...Object.keys(shares).map((name, i) =>
        numbers(
          name,
          rows.map(({ quantiles }) => quantiles[i] ?? NaN),
        ),
      ),
    ],
    schema,
  )
}
