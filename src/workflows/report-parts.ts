import type { ClustersOptions } from '../../operators/clusters.ts'
import type { DriftReferenceOptions } from '../../operators/drift-reference.ts'
import type { DuplicatesOptions } from '../../operators/duplicates.ts'
import type { LabelErrorsOptions } from '../../operators/label-errors.ts'
import type { OutliersOptions } from '../../operators/outliers.ts'
import { OptionError } from '../errors.ts'
import { kindOf, knownOptions, trueOrFalse } from '../options.ts'
import type { FamiliaritySettings } from './scores.ts'

/** How the bounds of the statistics are found; see `outliers`. */
export type OutlierSettings = Pick<OutliersOptions, (typeof outlierSettingNames)[number]>

const outlierSettingNames = [
  'columns',
  'log',
  'method',
  'threshold',
  'thresholds',
  'by',
  'minRows',
] as const

/**
 * Returns `given` if it is an object of {@link OutlierSettings}; their values are checked by the operator.
 *
 * @throws {OptionError} if it is something else, or has other options
 */
export function outlierSettings(given: unknown): OutlierSettings {
  const settings = checkedSettings('outliers', given)
  knownOptions('outliers', settings, outlierSettingNames)
  return settings
}

/** What of a set is kept to tell drift from it; see `driftReference`. */
export type DriftSettings = Pick<DriftReferenceOptions, (typeof driftSettingNames)[number]>

const driftSettingNames = ['columns', 'categories', 'rows', 'k', 'metric'] as const

/** Parts of a report, with their settings; `false` leaves one out. */
export interface ReportParts {
  /**
   * Groups of copies: options of `duplicates` but for its columns.
   *
   * @default {}
   */
  readonly duplicates?: false | Omit<DuplicatesOptions, 'embedding' | 'phash' | 'contentHash'>
  /**
   * How familiar each item is, among all and within its label: options of the mixture, and `minLabelRows`.
   *
   * @default {}
   */
  readonly familiarity?: false | FamiliaritySettings
  /**
   * What is out of bounds, by the statistics of pictures: options of `outliers` but for its models.
   *
   * @default {}
   */
  readonly outliers?: false | OutlierSettings
  /**
   * What `score` tells drift from, among the models: options of `driftReference` but for its embeddings. By default 2,000
   * rows of the statistics of pictures, and no labels.
   *
   * @default {}
   */
  readonly drift?: false | DriftSettings
  /**
   * Labels that the neighbours do not bear out: options of `labelErrors` but for its columns.
   *
   * @default {}
   */
  readonly labelErrors?: false | Omit<LabelErrorsOptions, 'column' | 'label'>
  /**
   * Clusters, by principal components: options of `clusters` but for its column.
   *
   * @default {}
   */
  readonly clusters?: false | Omit<ClustersOptions, 'column'>
  /**
   * The nearest other item of each.
   *
   * @default true
   */
  readonly neighbors?: boolean
  /**
   * Coordinates on a map.
   *
   * @default true
   */
  readonly map?: boolean
  /**
   * The page, `index.html`.
   *
   * @default true
   */
  readonly page?: boolean
  /**
   * Tables as CSV files too: items, groups, rejects.
   *
   * @default false
   */
  readonly csv?: boolean
}

/** What is made, and how. */
export type CheckedParts = Required<ReportParts>

const named: CheckedParts = {
  duplicates: {},
  familiarity: {},
  outliers: {},
  drift: {},
  labelErrors: {},
  clusters: {},
  neighbors: true,
  map: true,
  page: true,
  csv: false,
}

/** Names of the parts. */
export const partNames: readonly string[] = Object.keys(named)

/** The parts that have options of their own. */
const withSettings = [
  'duplicates',
  'familiarity',
  'outliers',
  'drift',
  'labelErrors',
  'clusters',
] as const

/**
 * The parts of a report; all but the CSV files unless `given` says otherwise. Settings are checked by the operators
 * that take them.
 *
 * @throws {OptionError} for a part that is not known or not as documented
 */
export function reportParts(given: ReportParts = {}): CheckedParts {
  knownOptions('report', given, partNames)
  const parts: CheckedParts = { ...named, ...given }
  for (const name of withSettings)
    if (parts[name] !== false) checkedSettings(name, parts[name], 'of a report to be false or')
  if (parts.outliers !== false) outlierSettings(parts.outliers)
  if (parts.drift !== false) knownOptions('drift', parts.drift, driftSettingNames)
  for (const name of ['neighbors', 'map', 'page', 'csv'] as const) trueOrFalse(name, parts[name])
  return parts
}

/** Those parts of a report that `fit` has. */
export type FitParts = Pick<ReportParts, (typeof fitPartNames)[number]>

/** Names of the {@link FitParts}. */
export const fitPartNames = ['outliers', 'drift'] as const

/**
 * The parts that `fit` has; both unless `given` says otherwise.
 *
 * @throws {OptionError} for a part that is not known or not as documented
 */
export function fitParts(given: FitParts = {}): Required<FitParts> {
  knownOptions('fit', given, fitPartNames)
  const { outliers, drift } = reportParts(given)
  return { outliers, drift }
}

/**
 * Returns `given` if it is an object.
 *
 * @throws {OptionError} if it is something else
 */
export function checkedSettings(name: string, given: unknown, expected = 'to be'): object {
  if (typeof given === 'object' && given && Object.getPrototypeOf(given) === Object.prototype)
    return given
  throw new OptionError(
    `Expected \`${name}\` ${expected} an object of options, got ${kindOf(given)}`,
  )
}
