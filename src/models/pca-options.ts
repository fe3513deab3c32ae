import { OptionError } from '../errors.ts'
import { knownOptions, positiveInteger, trueOrFalse, wholeNumber } from '../options.ts'

/** Options of `Pca`. */
export interface PcaOptions {
  /** How many components to keep. */
  readonly components: number
  /**
   * Whether scores are divided by the standard deviation of their component.
   *
   * @default false
   */
  readonly whiten?: boolean
  /**
   * Fits in batches of so many rows, of which each keeps no more than `components` directions, as scikit-learn's
   * `IncrementalPCA(batch_size)` does and to the same numbers: an approximation that holds little.
   *
   * @default none: exact
   */
  readonly batchRows?: number
  /**
   * For the random vectors that the search for the components starts from. They are found to
   * rounding whatever it is.
   *
   * @default 0
   */
  readonly seed?: number
}

/** The options, checked; throws {@link OptionError}. */
export function pcaOptions(
  options: PcaOptions,
): Required<Omit<PcaOptions, 'batchRows'>> & { readonly batchRows: number | undefined } {
  knownOptions('Pca', options, ['components', 'whiten', 'batchRows', 'seed'])
  const components = positiveInteger('components', options.components)
  const batchRows =
    options.batchRows === undefined ? undefined : positiveInteger('batchRows', options.batchRows)
  if (batchRows !== undefined && batchRows < components)
    throw new OptionError(
      `Expected option \`batchRows\` to be at least as many as \`components\`, ${String(components)}, got ${String(batchRows)}`,
    )
  return {
    components,
    whiten: trueOrFalse('whiten', options.whiten ?? false),
    batchRows,
    seed: wholeNumber('seed', options.seed ?? 0),
  }
}
