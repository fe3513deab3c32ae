import { OptionError } from '../errors.ts'
import {
  type OutlierMethod,
  type OutlierRule,
  placeOf,
  usualThresholds,
} from '../models/outlier-methods.ts'
import { didYouMean, kindOf } from '../options.ts'

/** The rule of a method for metrics that have none of their own. */
export function commonRule(method: OutlierMethod, threshold: unknown): OutlierRule {
  return ruleOf('threshold', threshold ?? usualThresholds[method])
}

/** The rules of metrics that have their own, from the option `thresholds`. */
export function ownRules(thresholds: unknown): ReadonlyMap<string, OutlierRule> {
  if (typeof thresholds !== 'object' || thresholds === null || Array.isArray(thresholds))
    throw new OptionError(
      `Expected option \`thresholds\` to be an object of thresholds by metric, got ${kindOf(thresholds)}`,
    )
  return new Map(
    Object.entries(thresholds).map(([name, given]) => [name, ruleOf(`thresholds.${name}`, given)]),
  )
}

/**
 * The rule of each column; of those in `log` values are logarithms.
 *
 * @throws {OptionError} if there is one for another column
 */
export function rulesFor(
  columns: readonly string[],
  {
    own,
    common,
    log,
  }: {
    readonly own: ReadonlyMap<string, OutlierRule>
    readonly common: OutlierRule
    readonly log: readonly string[]
  },
): readonly OutlierRule[] {
  for (const [option, names] of [
    ['thresholds', own.keys()],
    ['log', log],
  ] as const)
    for (const name of names)
      if (!columns.includes(name))
        throw new OptionError(
          `Expected \`${option}\` of the metrics ${columns.join(', ')}, got one of \`${name}\`${didYouMean(name, columns)}`,
        )
  return columns.map((name) => placed(own.get(name) ?? common, log.includes(name)))
}

function placed(rule: OutlierRule, byLog: boolean): OutlierRule {
  if (rule.unit === 'scale') return rule
  function placeOrNone(value: number | null): number | null {
    return value === null ? null : placeOf(value, byLog)
  }
  return { ...rule, lower: placeOrNone(rule.lower), upper: placeOrNone(rule.upper) }
}

function ruleOf(option: string, given: unknown): OutlierRule {
  if (isMultiple(given)) return { unit: 'scale', lower: given, upper: given }
  if (Array.isArray(given) && given.length === 2 && given.every((v) => v === null || isMultiple(v)))
    return { unit: 'scale', lower: given[0] as number | null, upper: given[1] as number | null }
  const values = option !== 'threshold'
  if (values && typeof given === 'object' && given !== null && isBounds(given)) {
    const { lower = null, upper = null } = given
    return { unit: 'value', lower, upper }
  }
  const bounds = values ? ', or an object of values, `lower` up to `upper`' : ''
  throw new OptionError(
    `Expected option \`${option}\` to be a number above 0, a list of two (below and above, null for none)${bounds}, got ${JSON.stringify(given)}`,
  )
}

function isMultiple(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) > 0
}

function isBounds(given: object): given is { lower?: number; upper?: number } {
  const entries = Object.entries(given)
  const { lower = -Infinity, upper = Infinity } = given as { lower?: number; upper?: number }
  return (
    entries.length > 0 &&
    lower <= upper &&
    entries.every(([name, value]) => ['lower', 'upper'].includes(name) && Number.isFinite(value))
  )
}
