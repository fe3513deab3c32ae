import { OptionError } from '../errors.ts'
import { didYouMean, nonEmptyString } from '../options.ts'
import type { DensityStrategy, FamiliarityStrategy } from './density.ts'
import { GaussianMixture, type GaussianMixtureOptions } from './gaussian-mixture.ts'
import type { FitSize, ModelState } from './model.ts'
import { RankedDensity } from './ranked-density.ts'

export type { FamiliarityStrategy } from './density.ts'

/** Options of mixtures; the seed is that of the operator. */
export type MixtureSettings = Partial<Omit<GaussianMixtureOptions, 'seed'>>

/** Mixtures of Gaussians. */
export interface MixtureStrategy extends MixtureSettings {
  /** Tells it from a strategy of one's own. */
  readonly type: 'gmm'
}

/**
 * The densities of a strategy.
 *
 * @throws {OptionError} if it is not as documented
 */
export function densityStrategy(given: MixtureStrategy | FamiliarityStrategy): DensityStrategy {
  if ('make' in given && 'fromState' in given) return ranked(given)
  const { type, ...options }: { readonly type: string } = given
  if (type === 'gmm') return { type, ...mixtures(options) }
  throw new OptionError(
    `Expected option \`strategy\` to be of type \`gmm\`, or to have \`make\` and \`fromState\`, got \`${type}\`${didYouMean(type, ['gmm'])}`,
  )
}

/**
 * Makes mixtures of Gaussians: by default of one per 20 rows, at least 1 and at most 10.
 *
 * @throws {OptionError} if an option is not as documented
 */
export function mixtures(options: MixtureSettings) {
  // Checks the options here, where they are given.
  new GaussianMixture({ components: 1, ...options })
  return {
    make: ({ rows, seed }: FitSize): GaussianMixture => {
      const components = Math.min(10, Math.max(1, Math.floor(rows / 20)))
      return new GaussianMixture({ components, ...options, seed })
    },
    fromState: (state: ModelState): GaussianMixture => GaussianMixture.fromState(state),
  }
}

function ranked({ type, make, fromState }: FamiliarityStrategy): DensityStrategy {
  if (type === 'gmm')
    throw new OptionError('Expected a strategy of your own to have a type of its own, got `gmm`')
  return {
    type: nonEmptyString('strategy.type', type),
    make: (size) => new RankedDensity(make(size)),
    fromState: (state) => RankedDensity.fromState(state, fromState),
  }
}
