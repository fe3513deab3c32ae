import type { DuplicatesOptions } from '../../operators/duplicates.ts'
import { OptionError } from '../errors.ts'
import { kindOf, knownOptions, trueOrFalse } from '../options.ts'
import type { FamiliaritySettings } from './scores.ts'

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
  neighbors: true,
  map: true,
  page: true,
  csv: false,
}

/** Names of the parts. */
export const partNames: readonly string[] = Object.keys(named)

/**
 * The parts of a report; all but the CSV files unless `given` says otherwise. Settings are checked by the operators
 * that take them.
 *
 * @throws {OptionError} for a part that is not known or not as documented
 */
export function reportParts(given: ReportParts = {}): CheckedParts {
  knownOptions('report', given, partNames)
  const parts: CheckedParts = { ...named, ...given }
  for (const name of ['duplicates', 'familiarity'] as const)
    if (parts[name] !== false && Object.getPrototypeOf(parts[name]) !== Object.prototype)
      throw new OptionError(
        `Expected \`${name}\` of a report to be false or an object of options, got ${kindOf(parts[name])}`,
      )
  for (const name of ['neighbors', 'map', 'page', 'csv'] as const) trueOrFalse(name, parts[name])
  return parts
}
