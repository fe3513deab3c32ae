import type { RecordBatch } from 'apache-arrow'
import { driftReference } from '../../operators/drift-reference.ts'
import { outliers } from '../../operators/outliers.ts'
import { isKind } from '../batch/schema.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { OutlierModel } from '../models/outlier-model.ts'
import { restoredModel } from '../models/save.ts'
import { metricsIn } from '../statistics/metric-values.ts'
import { outlierFields } from '../statistics/outlier-columns.ts'
import type { DriftSettings, OutlierSettings } from './report-parts.ts'
import { hasText, modelFolders } from './scores.ts'

/** The columns that tell what is beyond the bounds. */
export const outlierColumnNames = outlierFields.map(({ name }) => name)

/** Rows of either set that drift is told by, of more a sample: embeddings of the bundled model are 7 KB each, and up to twice as many are held. */
export const driftRows = 2_000

/** Whether rows are held against bounds: embeddings that came as they are may have no metrics. */
export async function hasBounds(
  rows: Flow<RecordBatch>,
  settings: false | OutlierSettings,
): Promise<boolean> {
  return (
    settings !== false && (settings.columns !== undefined || (await metricsOf(rows)).length > 0)
  )
}

/** Finds the bounds of the metrics, saves them in `models`, and adds what is beyond them; see {@link hasBounds}. */
export async function fittedBounds(
  rows: Flow<RecordBatch>,
  models: string,
  settings: false | OutlierSettings,
): Promise<Flow<RecordBatch>> {
  if (settings === false || !(await hasBounds(rows, settings))) return rows
  return flowOf(rows.pipe(outliers({ ...settings, save: modelFolders(models).outliers })))
}

/** Adds what is beyond the bounds in `models`; nothing where the rows lack a column that they are of. */
export async function frozenBounds(
  rows: Flow<RecordBatch>,
  models: string,
): Promise<Flow<RecordBatch>> {
  const model = modelFolders(models).outliers
  const { columns, by } = await restoredModel(model, 'outliers', (state) =>
    OutlierModel.fromState(state),
  )
  const numbers = new Set(
    (await rows.schema())?.fields.filter((f) => isKind(f, 'number')).map(({ name }) => name),
  )
  if (!columns.every((name) => numbers.has(name))) return rows
  if (by !== undefined && !(await hasText(rows, by))) return rows
  return flowOf(rows.pipe(outliers({ model })))
}

/**
 * Saves in `models` what a later set is compared with: the metrics and the embeddings. Labels are among it only if they are named, since
 * a set without any would differ by that alone.
 */
export async function fittedDrift(
  rows: Flow<RecordBatch>,
  models: string,
  settings: false | DriftSettings,
): Promise<Flow<RecordBatch>> {
  if (settings === false) return rows
  const reference = driftReference({
    ...{ columns: await metricsOf(rows), categories: [], rows: driftRows },
    ...settings,
    ...{ embedding: 'embedding', save: modelFolders(models).drift },
  })
  return flowOf(rows.pipe(reference))
}

async function metricsOf(rows: Flow<RecordBatch>): Promise<readonly string[]> {
  const schema = await rows.schema()
  return schema ? metricsIn(schema) : []
}
