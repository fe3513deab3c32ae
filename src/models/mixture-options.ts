import { OptionError } from '../errors.ts'
import type { Covariance } from '../kernels/mixture-graphs.ts'
import {
  kindOf,
  knownOptions,
  numberBetween,
  oneOf,
  positiveInteger,
  wholeNumber,
} from '../options.ts'

/** How many Gaussians: a number, or numbers to choose from, as a list or from one to another, both included. */
export type ComponentChoice =
  number | readonly number[] | { readonly from: number; readonly to: number }

/** Options of `GaussianMixture`. */
export interface GaussianMixtureOptions {
  /** How many Gaussians. Of several numbers, which are fitted in the same passes, the one with the lowest BIC is kept. */
  readonly components: ComponentChoice
  /**
   * `diagonal`: the columns are independent within a component; `full`: they are not.
   *
   * @default 'diagonal'
   */
  readonly covariance?: Covariance
  /**
   * For the draws of k-means++.
   *
   * @default 0
   */
  readonly seed?: number
  /**
   * EM ends when the mean log density changes by less than this.
   *
   * @default 0.001
   */
  readonly tolerance?: number
  /**
   * Most steps of EM, each a pass over the rows.
   *
   * @default 200
   */
  readonly maxIterations?: number
  /**
   * Added to each variance, so in squared units of the columns.
   *
   * @default 1e-6
   */
  readonly regularization?: number
  /**
   * Starts of EM for each number of components, in the same passes; the one with the highest mean log density is kept.
   *
   * @default 1
   */
  readonly starts?: number
}

const names = [
  'components',
  'covariance',
  'seed',
  'tolerance',
  'maxIterations',
  'regularization',
  'starts',
] as const

/** Options that were checked. */
export interface MixtureOptions extends Required<GaussianMixtureOptions> {
  /** The numbers to choose from, ascending. */
  readonly components: readonly number[]
}

/** Checks options and fills in defaults. */
export function mixtureOptions(options: GaussianMixtureOptions): MixtureOptions {
  knownOptions('GaussianMixture', options, names)
  return {
    components: candidates(options.components),
    covariance: oneOf('covariance', options.covariance ?? 'diagonal', ['diagonal', 'full']),
    seed: wholeNumber('seed', options.seed ?? 0),
    tolerance: numberBetween('tolerance', options.tolerance ?? 1e-3, 0, 1e6),
    maxIterations: positiveInteger('maxIterations', options.maxIterations ?? 200),
    regularization: numberBetween('regularization', options.regularization ?? 1e-6, 0, 1e12),
    starts: positiveInteger('starts', options.starts ?? 1),
  }
}

/** Most numbers of components to choose from: all are fitted at once. */
const mostCandidates = 64

function candidates(choice: ComponentChoice): readonly number[] {
  const numbers = typeof choice === 'object' ? listed(choice) : [choice]
  const checked = [...new Set(numbers.map((n) => positiveInteger('components', n)))]
  if (checked.length >= 1 && checked.length <= mostCandidates) return checked.sort((a, b) => a - b)
  throw new OptionError(
    `Expected option \`components\` to leave a choice of 1 to ${String(mostCandidates)} numbers, got ${String(checked.length)}`,
  )
}

function listed(choice: Exclude<ComponentChoice, number> | null): readonly number[] {
  if (Array.isArray(choice)) return choice as readonly number[]
  if (choice === null || !('from' in choice && 'to' in choice))
    throw new OptionError(
      `Expected option \`components\` to be a number, a list, or { from, to }, got ${kindOf(choice)}`,
    )
  const from = positiveInteger('components.from', choice.from)
  const to = positiveInteger('components.to', choice.to)
  const length = Math.min(Math.max(0, to - from + 1), mostCandidates + 1)
  return Array.from({ length }, (_, i) => from + i)
}
