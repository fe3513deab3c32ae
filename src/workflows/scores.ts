import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Field, Float64, type RecordBatch, Schema } from 'apache-arrow'
import { familiarity } from '../../operators/familiarity.ts'
import { gmm } from '../../operators/gmm.ts'
import { neighbors } from '../../operators/neighbors.ts'
import { pca } from '../../operators/pca.ts'
import { requireFinite } from '../../operators/require-finite.ts'
import { type Column, column, withColumns } from '../batch/batch.ts'
import { ConnectorError, DataError, OptionError } from '../errors.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { operate } from '../flow/operate.ts'
import { isKind, requireField, schemaWith } from '../batch/schema.ts'
import { tensorMatrix, tensorShape } from '../batch/tensor.ts'
import { densityStrategy, type MixtureSettings } from '../models/density-strategies.ts'
import { Familiarity, type GroupGap } from '../models/familiarity.ts'
import { GaussianMixture } from '../models/gaussian-mixture.ts'
import { restoredModel } from '../models/save.ts'
import { columnOf } from '../tasks/row-values.ts'
import type { ScoreReferences } from './gaps.ts'
import { makeFolder, putText } from './output-folder.ts'

/** Most components that familiarity is estimated in. */
const mostComponents = 32

/**
 * Components that familiarity is estimated in: fewer where the embeddings are narrower.
 *
 * @throws {SchemaError} if the rows have no embeddings
 */
export async function componentsOf(rows: Flow<RecordBatch>): Promise<number> {
  const schema = (await rows.schema()) ?? new Schema()
  const field = requireField(schema, 'embedding', { owner: 'pca', kind: 'tensor' })
  return Math.min(
    mostComponents,
    tensorShape(field).reduce((a, b) => a * b, 1),
  )
}

/** The folders of the models in the folder that `report` and `fit` write. */
export function modelFolders(models: string) {
  return {
    pca: join(models, 'pca'),
    gmm: join(models, 'gmm'),
    labels: join(models, 'labels'),
    splits: join(models, 'splits'),
    neighbors: join(models, 'neighbors'),
    outliers: join(models, 'outliers'),
    drift: join(models, 'drift'),
    about: join(models, 'about.json'),
  }
}

/** How familiarity is estimated: by mixtures, whose number of components is for all rows alone. */
export interface FamiliaritySettings extends MixtureSettings {
  /**
   * Rows that a label needs for a density of its own.
   *
   * @default 50
   */
  readonly minLabelRows?: number
}

/** What is fitted beside the PCA. */
export interface ScoreParts {
  /** Familiarity, and how; false: none. */
  readonly familiarity?: false | FamiliaritySettings
  /** The nearest other item. */
  readonly neighbors?: boolean
}

/** Fits the models to all rows, saves them in `models`, and adds `pca`, the familiarity columns, `near_id` and `near_distance`. */
export async function fittedScores(
  rows: Flow<RecordBatch>,
  models: string,
  { familiarity: settings = {}, neighbors: nearest = true }: ScoreParts = {},
): Promise<Flow<RecordBatch>> {
  const scored = await fittedFamiliarity(rows, models, settings)
  return nearest ? flowOf(scored.pipe(neighbors({ save: modelFolders(models).neighbors }))) : scored
}

/** Adds the same columns by the models in `models`, which stay as they are; neighbours are among the fitted rows. */
export async function frozenScores(
  rows: Flow<RecordBatch>,
  models: string,
  about: AboutModels,
): Promise<Flow<RecordBatch>> {
  const scored = await frozenFamiliarity(rows, models, about)
  if (about.neighbors === false) return scored
  return flowOf(scored.pipe(neighbors({ model: modelFolders(models).neighbors })))
}

/** Fits familiarity to all rows, and where they have labels to those of each, and saves it in `models`. */
export async function fittedFamiliarity(
  rows: Flow<RecordBatch>,
  models: string,
  settings: false | FamiliaritySettings = {},
): Promise<Flow<RecordBatch>> {
  const folder = modelFolders(models)
  const reduced = rows.pipe(
    finite(),
    pca({ components: await componentsOf(rows), save: folder.pca }),
  )
  if (settings === false) return flowOf(reduced)
  const { minLabelRows, components, ...mixture } = settings
  const all = { ...mixture, ...(components !== undefined && { components }) }
  const scored = flowOf(reduced.pipe(gmm({ ...all, save: folder.gmm })))
  if (!(await hasText(rows, 'label'))) return scored
  const byLabel = familiarity({
    by: 'label',
    strategy: { type: 'gmm', ...mixture },
    ...(minLabelRows !== undefined && { minRows: minLabelRows }),
    save: folder.labels,
  })
  return flowOf(scored.pipe(byLabel))
}

/** Adds the familiarity columns by the models in `models`. */
export async function frozenFamiliarity(
  rows: Flow<RecordBatch>,
  models: string,
  { by_label = false, familiarity: there = true }: AboutModels,
): Promise<Flow<RecordBatch>> {
  const folder = modelFolders(models)
  const reduced = rows.pipe(finite(), pca({ model: folder.pca }))
  if (!there) return flowOf(reduced)
  const scored = flowOf(reduced.pipe(gmm({ model: folder.gmm })))
  if (!by_label || !(await hasText(rows, 'label'))) return scored
  return flowOf(scored.pipe(familiarity({ by: 'label', model: folder.labels })))
}

/** One embedding that no model can learn or score is a reject, and not the end of all. */
function finite() {
  return requireFinite({ columns: ['embedding'], onError: 'reject' })
}

/** Fits familiarity to the rows of each split, where they have splits, for the gaps between these. */
export async function fittedSplits(
  rows: Flow<RecordBatch>,
  models: string,
): Promise<Flow<RecordBatch>> {
  if (!(await hasText(rows, 'split'))) return rows
  return flowOf(
    rows.pipe(familiarity({ by: 'split', gaps: true, save: modelFolders(models).splits })),
  )
}

/** The gaps between the splits that {@link fittedSplits} found. */
export async function splitGaps(models: string): Promise<readonly GroupGap[]> {
  return (await groupedModel(modelFolders(models).splits)).gaps
}

/** How the fitted rows score: all, and those of each label; undefined where familiarity was not fitted. */
export async function scoreReferences(
  models: string,
  { by_label = false, familiarity: there = true }: AboutModels,
): Promise<ScoreReferences | undefined> {
  if (!there) return undefined
  const folder = modelFolders(models)
  const all = await restoredModel(folder.gmm, 'gaussian-mixture', (state) =>
    GaussianMixture.fromState(state),
  )
  const labels = by_label ? (await groupedModel(folder.labels)).densities : []
  return {
    all: all.reference,
    labels: new Map([...labels].map(([label, { reference }]) => [label, reference])),
  }
}

function groupedModel(folder: string): Promise<Familiarity> {
  return restoredModel(folder, 'familiarity', (state) =>
    Familiarity.fromState(state, densityStrategy({ type: 'gmm' })),
  )
}

/** Whether rows have a text column `name`. */
export async function hasText(rows: Flow<RecordBatch>, name: string): Promise<boolean> {
  const field = (await rows.schema())?.fields.find((f) => f.name === name)
  return field !== undefined && isKind(field, 'text')
}

/** What models know of the embeddings that they were fitted to. */
export interface AboutModels {
  /** See `featureHash`; null for embeddings that came as they are. */
  readonly model_hash: string | null
  /** Whether familiarity was fitted by label too. */
  readonly by_label?: boolean
  /** Whether familiarity was fitted; it is by default. */
  readonly familiarity?: boolean
  /** Whether the rows were kept for their neighbours; they are by default. */
  readonly neighbors?: boolean
  /** Whether the bounds of the statistics were kept; earlier versions did not. */
  readonly outliers?: boolean
  /** Whether a reference for drift was kept; earlier versions did not. */
  readonly drift?: boolean
}

/** Notes what the models in `models` are for; of no rows there are none, so the folder may be new. */
export async function writeAbout(models: string, about: AboutModels): Promise<void> {
  await makeFolder(models)
  await putText(modelFolders(models).about, `${JSON.stringify(about)}\n`)
}

/** Whether `path` is a folder of models. */
export function isModels(path: string): boolean {
  return existsSync(modelFolders(path).about)
}

/**
 * Checks that the models in `models` are for these features; returns what is known of them.
 *
 * @throws {ConnectorError} if there are no models
 * @throws {DataError} if the folder is damaged
 * @throws {OptionError} if they are for embeddings of another model
 */
export async function requireAbout(
  models: string,
  model_hash: string | null,
): Promise<AboutModels> {
  const about = await aboutModels(models)
  if (about.model_hash === model_hash) return about
  throw new OptionError(
    `Expected embeddings of the model that \`${models}\` was fitted to, got those of another; give the same --model`,
  )
}

/**
 * What is noted about the models in `models`.
 *
 * @throws {ConnectorError} if there are no models
 * @throws {DataError} if the folder is damaged
 */
export async function aboutModels(models: string): Promise<AboutModels> {
  const url = modelFolders(models).about
  const text = await readFile(url, 'utf8').catch((cause: unknown) => {
    throw new ConnectorError(
      `Expected \`${models}\` to be a folder of models that fit or report wrote, got no about.json in it`,
      { url: models, retryable: false },
      { cause },
    )
  })
  return parsed(text, url)
}

function parsed(text: string, url: string): AboutModels {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new DataError(`Expected ${url} to be JSON`, { url }, { cause })
  }
  if (typeof value === 'object' && value !== null && 'model_hash' in value)
    return value as AboutModels
  throw new DataError(`Expected \`model_hash\` in ${url}, got ${text.slice(0, 40)}`, { url })
}

/** Adds `x` and `y`, the first two columns of the tensor `pca`, null where there is none; with one column `y` is 0. */
export function coordinates() {
  return operate<RecordBatch, RecordBatch>({
    name: 'coordinates',
    schema: (input) => {
      requireField(input, 'pca', { owner: 'coordinates', kind: 'tensor' })
      return schemaWith(
        input,
        ['x', 'y'].map((name) => new Field(name, new Float64(), true)),
      )
    },
    start: () => ({
      *next(batch) {
        const pca = column(batch, 'pca')
        const { columns, values } = tensorMatrix(pca)
        function at(name: string, index: number): Column {
          const places = Array.from({ length: batch.numRows }, (_, row) => {
            if (!pca.isValid(row)) return null
            return index < columns ? (values[row * columns + index] ?? 0) : 0
          })
          return columnOf(new Field(name, new Float64(), true), places)
        }
        yield withColumns(batch, [at('x', 0), at('y', 1)])
      },
    }),
  })
}
