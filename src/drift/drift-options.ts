import { OptionError } from '../errors.ts'
import type { Correction } from '../models/two-sample/adjusted-p.ts'
import { numberBetween, oneOf, positiveInteger, wholeNumber } from '../options.ts'
import { type DriftTest, driftTests, type WindowTestOptions } from './window-result.ts'

/** Options of all that tests windows. */
export interface DriftTestOptions {
  /**
   * Tests that are made, where the reference has a column of their kind: of numbers `ks` (Kolmogorov–Smirnov), `cvm` (Cramér–von Mises), `wasserstein` and
   * `psi` (population stability), of text `chi-square`, of embeddings `mmd` (maximum mean discrepancy) and `knn` (distances to the nearest).
   *
   * @default ['ks', 'chi-square', 'mmd', 'knn']
   */
  readonly tests?: readonly DriftTest[]
  /**
   * How p-values are adjusted for the tests of a window: `fdr` by Benjamini and Hochberg.
   *
   * @default 'fdr'
   */
  readonly correction?: Correction
  /**
   * What an adjusted p-value has to be below for drift.
   *
   * @default 0.05
   */
  readonly alpha?: number
  /**
   * Permutations of `wasserstein` and `mmd`; no p-value is below 1 / (1 + permutations).
   *
   * @default 999
   */
  readonly permutations?: number
  /**
   * Seed of the permutations and of the sample.
   *
   * @default that of the run
   */
  readonly seed?: number
}

/** Names of the {@link DriftTestOptions}. */
export const driftTestOptionNames = [
  'tests',
  'correction',
  'alpha',
  'permutations',
  'seed',
] as const

/**
 * The options, checked, with defaults; the seed is the run's where none is given.
 *
 * @throws {OptionError} if one is out of range
 */
export function checkedTestOptions(
  options: DriftTestOptions,
): Omit<WindowTestOptions, 'seed'> & { readonly seed: number | undefined } {
  const tests: unknown = options.tests ?? ['ks', 'chi-square', 'mmd', 'knn']
  if (!Array.isArray(tests) || tests.length === 0)
    throw new OptionError(
      `Expected option \`tests\` to be a non-empty list of tests, got \`${String(tests)}\``,
    )
  return {
    tests: tests.map((test) => oneOf('tests', test, driftTests)),
    correction: oneOf('correction', options.correction ?? 'fdr', ['fdr', 'bonferroni', 'none']),
    alpha: numberBetween('alpha', options.alpha ?? 0.05, 0, 1),
    permutations: positiveInteger('permutations', options.permutations ?? 999),
    seed: options.seed === undefined ? undefined : wholeNumber('seed', options.seed),
  }
}
