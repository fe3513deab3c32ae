import { OptionError } from '../errors.ts'
import { percentileThreshold, slopeThreshold } from '../models/duplicate-threshold.ts'
import {
  kindOf,
  numberAbove,
  numberAtLeast,
  numberBetween,
  positiveInteger,
  wholeNumber,
} from '../options.ts'

/** What makes a pair near, as it is asked for. */
export interface RuleOptions {
  /** See `duplicates`. */
  readonly rule?: unknown
  /** Of unrelated pairs, per 1,000 items. */
  readonly falsePairs?: number
  /** Neighbours whose distances are looked at. */
  readonly k?: number
  /** How far apart embeddings are. */
  readonly metric?: string
  /** Column of embeddings. */
  readonly embedding?: string | false
  /** Column of perceptual hashes. */
  readonly phash?: string | false
}

/** What makes a pair near. */
export type SearchRule =
  | { readonly type: 'evidence'; readonly falsePairs: number }
  | { readonly type: 'distance'; readonly distance: number }
  | { readonly type: 'bits'; readonly bits: number }
  | NeighborRule

/** A threshold that follows the sorted distances to the `k` nearest others. */
export type NeighborRule =
  | { readonly type: 'slope'; readonly slope: number; readonly k: number }
  | { readonly type: 'percentile'; readonly percentile: number; readonly k: number }
  | { readonly type: 'function'; readonly threshold: Threshold; readonly k: number }

type Threshold = (distances: Float64Array) => number

/** The rule that is asked for; throws an {@link OptionError} if there is none such. */
export function searchRule(options: RuleOptions): SearchRule {
  const { rule = 'evidence' } = options
  if (rule === 'evidence') {
    refuse(options, ['k', 'metric'], "rule 'evidence'")
    const falsePairs = numberBetween('falsePairs', options.falsePairs ?? 0.1, 1e-9, 1000)
    return { type: 'evidence', falsePairs }
  }
  const [[name, value] = [], another] =
    typeof rule === 'function' ? [] : Object.entries(Object(rule) as Record<string, unknown>)
  if (!another && name === 'bits') {
    refuse(options, ['falsePairs', 'k', 'metric', 'embedding'], 'rule `bits`')
    return { type: name, bits: numberBetween('rule.bits', wholeNumber('rule.bits', value), 0, 63) }
  }
  refuse(options, ['falsePairs', 'phash'], 'a rule of distances')
  const k = positiveInteger('k', options.k ?? 9)
  if (typeof rule === 'function') return { type: 'function', threshold: rule as Threshold, k }
  if (!another && name === 'slope')
    return { type: name, slope: numberAbove('rule.slope', value, 2), k }
  if (!another && name === 'percentile')
    return { type: name, percentile: numberBetween('rule.percentile', value, 0, 100), k }
  if (another || name !== 'distance')
    throw new OptionError(
      `Expected option \`rule\` to be 'evidence', a function, or an object with one of \`slope\`, \`percentile\`, \`distance\`, \`bits\`, got ${typeof rule === 'string' ? `\`${rule}\`` : kindOf(rule)}`,
    )
  refuse(options, ['k'], 'rule `distance`')
  return { type: name, distance: numberAtLeast('rule.distance', value, 0) }
}

/** The distance up to which a pair is near. */
export function thresholdOf(rule: NeighborRule, distances: Float64Array): number {
  if (rule.type === 'slope') return slopeThreshold(distances, rule.slope)
  if (rule.type === 'percentile') return percentileThreshold(distances, rule.percentile)
  const threshold = rule.threshold(distances)
  if (Number.isFinite(threshold) && threshold >= 0) return threshold
  throw new OptionError(
    `Expected \`rule\` to return a distance of at least 0, got ${String(threshold)}`,
  )
}

function refuse(options: RuleOptions, names: readonly (keyof RuleOptions)[], rule: string): void {
  for (const name of names)
    if (options[name] !== undefined && options[name] !== false)
      throw new OptionError(`Expected no option \`${name}\` with ${rule}, which does not use it`)
}
