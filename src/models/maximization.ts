/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within components × columns (× columns) */
import type { Covariance } from '../kernels/mixture-graphs.ts'
import { emptyMoments, type MixtureParameters, type Moments } from './mixture.ts'

/**
 * The M step: the mixture of the largest expected likelihood, with `regularization` added to each
 * variance. A component without rows gets weight 0, which it keeps.
 */
export function maximize(
  moments: Moments,
  covariance: Covariance,
  center: Float64Array,
  regularization: number,
): MixtureParameters {
  const { counts, sums, squares } = moments
  const [k, d] = [counts.length, center.length]
  const total = counts.reduce((a, b) => a + b, 0)
  const weights = counts.map((count) => count / total)
  const means = sums.map((sum, at) => quotient(sum, counts[Math.floor(at / d)]!))
  const covariances = squares.slice()
  for (let c = 0; c < k; c++) {
    const mean = means.subarray(c * d, (c + 1) * d)
    const count = counts[c]!
    if (covariance === 'diagonal')
      for (let j = 0; j < d; j++) {
        const variance = quotient(squares[c * d + j]!, count) - mean[j]! ** 2
        covariances[c * d + j] = Math.max(0, variance) + regularization
      }
    else
      for (let i = 0; i < d; i++)
        for (let j = 0; j < d; j++) {
          const at = (c * d + i) * d + j
          const value = quotient(squares[at]!, count) - mean[i]! * mean[j]!
          covariances[at] = i === j ? Math.max(0, value) + regularization : value
        }
  }
  return { covariance, center, weights, means, covariances }
}

/**
 * The mixture with each covariance drawn towards their weighted mean, as if `prior` rows with that one
 * had been seen beside the component's share of `rows`. What a small sample leaves open is filled in.
 */
export function shrunk(
  parameters: MixtureParameters,
  rows: number,
  prior: number,
): MixtureParameters {
  const { weights, covariances } = parameters
  const size = covariances.length / weights.length
  const pooled = new Float64Array(size)
  for (const [at, value] of covariances.entries())
    pooled[at % size]! += value * weights[Math.floor(at / size)]!
  const drawn = covariances.map((value, at) => {
    const count = rows * weights[Math.floor(at / size)]!
    return (count * value + prior * pooled[at % size]!) / (count + prior)
  })
  return { ...parameters, covariances: drawn }
}

/** The moments, per row, from which {@link maximize} makes this mixture. */
export function momentsBehind(parameters: MixtureParameters, regularization: number): Moments {
  const { covariance, center, weights, means, covariances } = parameters
  const [k, d] = [weights.length, center.length]
  const moments = emptyMoments(covariance, k, d)
  moments.rows = 1
  moments.counts.set(weights)
  for (let c = 0; c < k; c++) {
    const weight = weights[c]!
    for (let i = 0; i < d; i++) {
      const mean = means[c * d + i]!
      moments.sums[c * d + i] = weight * mean
      if (covariance === 'diagonal') {
        const at = c * d + i
        moments.squares[at] = weight * (covariances[at]! - regularization + mean * mean)
      } else
        for (let j = 0; j < d; j++) {
          const at = (c * d + i) * d + j
          const extra = i === j ? regularization : 0
          moments.squares[at] = weight * (covariances[at]! - extra + mean * means[c * d + j]!)
        }
    }
  }
  return moments
}

function quotient(sum: number, count: number): number {
  return count > 0 ? sum / count : 0
}
