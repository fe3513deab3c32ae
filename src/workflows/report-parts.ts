import type { ClustersOptions } from '../../operators/clusters.ts'
import type { DuplicatesOptions } from '../../operators/duplicates.ts'
import type { LabelErrorsOptions } from '../../operators/label-errors.ts'
import type { OutliersOptions } from '../../operators/outliers.ts'
import { OptionError } from '../errors.ts'
import { kindOf, knownOptions, trueOrFalse } from '../options.ts'
import type { FamiliaritySettings } from './scores.ts'

/** How the bounds of the statistics are found; see `outliers`. */
export type OutlierSettings = Pick<
  OutliersOptions,
  'columns' | 'log' | 'method' | 'threshold' | 'thresholds' | 'by' | 'minRows'
>

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
const withSettings = ['duplicates', 'familiarity', 'outliers', 'labelErrors', 'clusters'] as const

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
    if (parts[name] !== false && Object.getPrototypeOf(parts[name]) !== Object.prototype)
      throw new OptionError(
        `Expected \`${name}\` of a report to be false or an object of options, got ${kindOf(parts[name])}`,
      )
  for (const name of ['neighbors', 'map', 'page', 'csv'] as const) trueOrFalse(name, parts[name])
  return parts
}
