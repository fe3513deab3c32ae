import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { batchOf, withColumns } from '../batch/batch.ts'
import { requireField, schemaWith } from '../batch/schema.ts'
import { OptionError } from '../errors.ts'
import { flowOf } from '../flow/flow.ts'
import { operate } from '../flow/operate.ts'
import { type Checked, checkedOptions, handOut, type LearnedOptions } from '../learn/learned.ts'
import { versionField } from '../learn/online-step.ts'
import { rankError, type OutlierRules } from '../models/outlier-learner.ts'
import type { OutlierMethod, OutlierRule } from '../models/outlier-methods.ts'
import { type OutlierBounds, OutlierModel } from '../models/outlier-model.ts'
import { restoredModel } from '../models/save.ts'
import { operateTable } from '../table/column-store.ts'
import { fittedOutliers } from './fit-outliers.ts'
import { metricOf } from './metrics.ts'
import { metricColumns, rowValues } from './metric-values.ts'
import { OnlineOutliers } from './online-outliers.ts'
import { outlierColumns, outlierFields } from './outlier-columns.ts'
import { rulesFor } from './outlier-rules.ts'

const name = 'outliers'

/** What outliers are, and how they are found. */
export interface OutlierSearch {
  /** The metrics; undefined: those that are there. */
  readonly columns: readonly string[] | undefined
  /** Those that are compared by their logarithms; undefined: those whose ratios count. */
  readonly log: readonly string[] | undefined
  /** The method. */
  readonly method: OutlierMethod
  /** The rule of metrics without one of their own. */
  readonly common: OutlierRule
  /** Rules of single metrics. */
  readonly own: ReadonlyMap<string, OutlierRule>
  /** The column of labels, for bounds per label. */
  readonly by: string | undefined
  /** Rows that a label needs for these. */
  readonly minRows: number
  /** The options of every learned operator. */
  readonly learning: LearnedOptions<OutlierModel>
  /** An option that a fitted model leaves no room for, if one is given. */
  readonly given: string | undefined
}

type Search = OutlierSearch & { readonly learning: Checked<OutlierModel> }

/**
 * Makes the operator, in the mode that the options or the flow ask for.
 *
 * @throws {OptionError} at the call, if an option is out of range, or when it is applied, if `fit` would never end
 */
export function findOutliers(given: OutlierSearch): OperatorFunction<RecordBatch, RecordBatch> {
  const search = { ...given, learning: checkedOptions(given.learning) }
  if (search.columns) rulesOf(search, search.columns)
  const { model, mode } = search.learning
  if (model !== undefined && given.given !== undefined)
    throw new OptionError(`Expected no option \`${given.given}\` beside \`model\`, which has it`)
  return (source) => {
    const input = flowOf(source)
    if (model !== undefined) return frozen(model)(input)
    if ((mode ?? (input.bounded ? 'fit' : 'online')) === 'online') return online(search)(input)
    if (input.bounded) return fit(search)(input)
    throw new OptionError(`Expected a bounded flow for ${name} in mode 'fit', got an unbounded one`)
  }
}

function rulesOf(search: Search, columns: readonly string[]): OutlierRules {
  const { method, by, minRows, own, common } = search
  const log = search.log ?? columns.filter((name) => metricOf(name).scale === 'log')
  return { columns, log, method, by, minRows, rules: rulesFor(columns, { own, common, log }) }
}

/** The schema that comes out, with the rules checked against what comes in. */
function checkedSchema(search: Search, input: Schema): Schema {
  if (search.by !== undefined) requireField(input, search.by, { owner: name, kind: 'text' })
  rulesOf(search, metricColumns(input, search.columns, name))
  return schemaWith(input, outlierFields)
}

function settingsOf({
  columns,
  log,
  method,
  common,
  own,
  by,
  minRows,
  learning: { save },
}: Search): Readonly<Record<string, unknown>> {
  return {
    ...{ columns, log, method, threshold: common, thresholds: Object.fromEntries(own), by },
    ...(by !== undefined && { minRows }),
    ...(save !== undefined && { save }),
  }
}

function fit(search: Search): OperatorFunction<RecordBatch, RecordBatch> {
  return operateTable({
    name,
    saves: search.learning.save,
    settings: { ...settingsOf(search), mode: 'fit' },
    holds: `8 bytes per row${search.by === undefined ? '' : ' and 12 for its label'}, 16 per value beyond a bound`,
    schema: (input) => checkedSchema(search, input),
    async *run(table, context) {
      const columns = metricColumns(table.schema, search.columns, name)
      const model = await fittedOutliers(table, rulesOf(search, columns))
      await handOut(model, search.learning, context)
      const read = search.by === undefined ? columns : [...columns, search.by]
      for await (const batch of table.read([...new Set(read)]))
        yield batchOf(
          outlierColumns(model, {
            ...rowValues(batch, model),
            numRows: batch.numRows,
            learned: true,
          }),
        )
    },
  })
}

function online(search: Search): OperatorFunction<RecordBatch, RecordBatch> {
  const { warmupRows, windowRows } = search.learning
  const each = search.by === undefined ? '' : ', of each label too'
  return operate<RecordBatch, RecordBatch>({
    name,
    learns: true,
    saves: search.learning.save,
    holds: `a sketch of each metric${each} (about 36 KB); ${String(warmupRows)} rows until it is filled, then the values of ${String(windowRows)}`,
    settings: { ...settingsOf(search), mode: 'online', windowRows, warmupRows, rankError },
    schema: (input) => schemaWith(checkedSchema(search, input), [versionField('outlier')]),
    start: (context) =>
      new OnlineOutliers({
        ...{ warmupRows, windowRows },
        columns: (schema) => metricColumns(schema, search.columns, name),
        rules: (columns) => rulesOf(search, columns),
        done: (model) => handOut(model, search.learning, context),
      }),
  })
}

function frozen(given: OutlierModel | string): OperatorFunction<RecordBatch, RecordBatch> {
  let loading: Promise<OutlierModel> | undefined
  async function load(): Promise<OutlierModel> {
    if (typeof given !== 'string') return given
    return (loading ??= restoredModel(given, 'outliers', (state) => OutlierModel.fromState(state)))
  }
  return operate<RecordBatch, RecordBatch>({
    name,
    holds: 'its model',
    settings: { mode: 'frozen', ...(typeof given === 'string' && { model: given }) },
    schema: async (input) => fitting(await load(), input),
    start: () => ({
      async *next(batch) {
        const model = await load()
        fitting(model, batch.schema)
        const rows = { ...rowValues(batch, model), numRows: batch.numRows, learned: false }
        yield withColumns(batch, outlierColumns(model, rows))
      },
    }),
  })
}

function fitting({ columns, by }: OutlierBounds, input: Schema): Schema {
  metricColumns(input, columns, name)
  if (by !== undefined) requireField(input, by, { owner: name, kind: 'text' })
  return schemaWith(input, outlierFields)
}
