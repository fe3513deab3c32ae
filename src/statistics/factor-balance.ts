import type { Random } from '../kernels/random.ts'
import { binned } from '../models/histogram-bins.ts'
import { entropyOf, type FactorValues, mutualInformation } from '../models/mutual-information.ts'
import { type BiasProfile, type Factor, present } from './factors.ts'

/** How much two factors say of each other. */
export interface FactorBalance {
  /** In nats. */
  readonly mutualInformation: number
  /** From 0, nothing, to 1, all. */
  readonly normalized: number
}

/**
 * The mutual information of two factors over the rows that have both, and the share that it is of what it could be.
 *
 * - `dataeval-1`: of two continuous factors 1 − exp(−2 I); else I / H, of two categories by the smaller of the two entropies, and 0 where that is 0. (DataEval also
 *   takes the entropy of a continuous factor's bins, which depends on the bins and does not bound I.)
 * - `dataeval-0.65`: I / ((H + H) / 2 + 1e-6), where the entropy H of a continuous factor is that of its bins.
 */
export function factorBalance(
  a: Factor,
  b: Factor,
  options: { readonly k: number; readonly profile: BiasProfile; readonly random: Random },
): FactorBalance {
  const [x, y] = present(a, b)
  const information = mutualInformation(x, y, options)
  return { mutualInformation: information, normalized: share(information, x, y, options.profile) }
}

function share(
  information: number,
  x: FactorValues,
  y: FactorValues,
  profile: BiasProfile,
): number {
  if (profile === 'dataeval-0.65') return information / ((entropy(x) + entropy(y)) / 2 + 1e-6)
  const categories = [x, y].filter(({ discrete }) => discrete).map(entropy)
  if (categories.length === 0) return 1 - Math.exp(-2 * information)
  const least = Math.min(...categories)
  return least > 0 ? Math.min(1, information / least) : 0
}

function entropy({ values, discrete }: FactorValues): number {
  return entropyOf(discrete ? values : binned(values).values)
}
