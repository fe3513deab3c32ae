import type { DriftSummaryOptions } from '../../operators/drift-summary.ts'
import { driftTestOptionNames } from '../drift/drift-options.ts'
import { knownOptions, trueOrFalse } from '../options.ts'
import { checkedSettings } from './report-parts.ts'

/** How drift is told; see `driftSummary`. */
export type DriftTestSettings = Pick<DriftSummaryOptions, (typeof driftTestNames)[number]>

const driftTestNames = ['rows', ...driftTestOptionNames.filter((name) => name !== 'seed')] as const

/** What `score` says beside the scores, as far as the models know of it; `false` leaves it out. */
export interface ScoredParts {
  /**
   * Which statistics of each picture are out of the bounds of the fitted set.
   *
   * @default true
   */
  readonly outliers?: boolean
  /**
   * Whether the pictures as a whole drift from the fitted set: `rows`, and the options of tests, of `driftSummary`. By default
   * 2,000 rows are tested.
   *
   * @default {}
   */
  readonly drift?: false | DriftTestSettings
}

/** Names of the {@link ScoredParts}. */
export const scoredPartNames = ['outliers', 'drift'] as const

/**
 * What is said; all unless `given` says otherwise. Settings of tests are checked by the operator.
 *
 * @throws {OptionError} for a part that is not known or not as documented
 */
export function scoredParts(given: ScoredParts = {}): Required<ScoredParts> {
  knownOptions('score', given, scoredPartNames)
  const { outliers = true, drift = {} } = given
  if (drift !== false) {
    checkedSettings('drift', drift, 'of score to be false or')
    knownOptions('drift', drift, driftTestNames)
  }
  return { outliers: trueOrFalse('outliers', outliers), drift }
}
