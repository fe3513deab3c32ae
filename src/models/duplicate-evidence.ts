import { OptionError } from '../errors.ts'
import { noHamming } from '../kernels/near-pairs.ts'

/**
 * What unrelated pictures look like to the two measures, taken from 1,959,251 pairs of unrelated
 * pictures (`docs/duplicates.md` says which, and `bench/duplicate-null.ts` takes it again).
 *
 * Evidence is −log10 of the share of unrelated pairs that are at least as near.
 */
const calibrated = {
  /** Median of 1 − cos. */
  median: 0.446,
  /** Nearness ln(median / distance), and its evidence. */
  nearness: [-0.5, -0.001, 0.133, 0.382, 0.576, 0.741, 0.89, 1.034, 1.191, 1.371, 1.542, 1.757],
  evidence: [0, 0.3, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5],
  /** Evidence per unit of nearness beyond the table: the tail is a power of the distance. */
  slope: 2.65,
  /** Nearness of the pair at one in a hundred. */
  hundredth: 0.741,
  /** Evidence of Hamming distances 9..35; below, the line through 9..17. */
  hamming: [
    5.21, 4.8, 4.52, 4.26, 4.03, 3.76, 3.47, 3.18, 2.88, 2.58, 2.3, 2.03, 1.76, 1.51, 1.28, 1.06,
    0.87, 0.69, 0.54, 0.41, 0.3, 0.21, 0.14, 0.09, 0.05, 0.03, 0.01,
  ],
  firstHamming: 9,
  hammingLine: { at0: 7.656, perBit: -0.28 },
  /** Hamming distance of the pair at one in a hundred. */
  hammingHundredth: 20,
  /** How much the two go together among unrelated pairs. */
  correlation: 0.4,
  /** Joint evidence of the pair at one in a thousand, and how the tail goes on. */
  thousandth: 3.34,
  tailSlope: 0.92,
} as const

/** What pairs of the data at hand look like: most pairs are unrelated, so it is their bulk that says. */
export interface PairScale {
  /** Median of 1 − cos. */
  readonly medianDistance: number
  /** 1 − cos of the pair at one in a hundred. */
  readonly lowDistance: number
  /** Hamming distance of the pair at one in a hundred. */
  readonly lowHamming: number
}

/** The scale of the pairs that the evidence was calibrated on. */
export const calibratedScale: PairScale = {
  medianDistance: calibrated.median,
  lowDistance: calibrated.median * Math.exp(-calibrated.hundredth),
  lowHamming: calibrated.hammingHundredth,
}

/**
 * How strongly a pair's embeddings and hashes speak for one and the same picture.
 *
 * Null model: the nearness of unrelated pairs, ln(median distance / distance), has the calibrated
 * distribution, stretched so that it agrees with the data's own pairs at one in a hundred. The share
 * of pairs nearer than a small distance then falls as a power of that distance, as it does for
 * points of some intrinsic dimension. Hamming distances are shrunk likewise where the data's own
 * hashes are nearer than the calibrated ones, and never trusted more.
 *
 * The two are joined as under a Gaussian copula of correlation ρ = 0.4: with evidence a and b,
 * (a + b − 2ρ√(ab)) / (1 − ρ²), or the stronger alone where the other adds nothing. The tail of the
 * joint evidence was measured too: it is not assumed that the two are independent.
 */
export class DuplicateEvidence {
  readonly #median: number
  readonly #stretch: number
  readonly #hammingScale: number

  constructor(scale: PairScale = calibratedScale) {
    const low = Math.log(scale.medianDistance / scale.lowDistance)
    this.#median = scale.medianDistance
    this.#stretch = low > 0 && Number.isFinite(low) ? calibrated.hundredth / low : 1
    this.#hammingScale = Math.max(1, calibrated.hammingHundredth / scale.lowHamming)
  }

  /** Evidence of a distance 1 − cos; 0 for NaN. */
  ofDistance(distance: number): number {
    if (Number.isNaN(distance)) return 0
    const nearness = Math.log(this.#median / Math.max(distance, 1e-12)) * this.#stretch
    const { nearness: xs, evidence: ys, slope } = calibrated
    const last = xs.length - 1
    const end = xs[last] ?? 0
    if (nearness > end) return (ys[last] ?? 0) + (nearness - end) * slope
    return interpolate(xs, ys, nearness)
  }

  /** Evidence of a Hamming distance of two hashes; 0 for none. */
  ofHamming(hamming: number): number {
    if (hamming >= noHamming) return 0
    const scaled = hamming === 0 ? 0 : hamming * this.#hammingScale
    if (!Number.isFinite(scaled)) return 0
    const { hamming: ys, firstHamming, hammingLine } = calibrated
    if (this.#hammingScale === Infinity) return 0
    if (scaled < firstHamming) return hammingLine.at0 + hammingLine.perBit * scaled
    const below = Math.floor(scaled) - firstHamming
    const part = scaled - Math.floor(scaled)
    return (ys[below] ?? 0) * (1 - part) + (ys[below + 1] ?? 0) * part
  }

  /** Joint evidence of both. */
  of(distance: number, hamming: number): number {
    const a = this.ofDistance(distance)
    const b = this.ofHamming(hamming)
    const { correlation: rho } = calibrated
    if (Math.sqrt(b) <= rho * Math.sqrt(a)) return a
    if (Math.sqrt(a) <= rho * Math.sqrt(b)) return b
    return (a + b - 2 * rho * Math.sqrt(a * b)) / (1 - rho * rho)
  }

  /**
   * For each Hamming distance 0..64, and at 65 for none, the largest distance at which the joint
   * evidence reaches `least`; −1 where none does, ∞ where every distance does.
   */
  limits(least: number): Float64Array {
    return Float64Array.from({ length: noHamming + 1 }, (_, hamming) => {
      if (this.of(2, hamming) >= least) return Infinity
      if (this.of(0, hamming) < least) return -1
      let low = 0
      let high = 2
      while (high - low > 1e-9) {
        const middle = (low + high) / 2
        if (this.of(middle, hamming) >= least) low = middle
        else high = middle
      }
      return low
    })
  }
}

/**
 * The joint evidence that only `falsePairs` unrelated pairs per 1,000 items reach, among all pairs
 * of `numItems`.
 */
export function leastEvidence(numItems: number, falsePairs: number): number {
  if (!(falsePairs > 0))
    throw new OptionError(`Expected \`falsePairs\` above 0, got ${String(falsePairs)}`)
  const pairs = Math.max(1, (numItems * (numItems - 1)) / 2)
  return evidenceAt(Math.min(1, (falsePairs * numItems) / 1000 / pairs))
}

/** The joint evidence that a share `p` of unrelated pairs reaches. */
export function evidenceAt(p: number): number {
  return calibrated.thousandth + (-Math.log10(p) - 3) / calibrated.tailSlope
}

/** The value at `x` of the line through the points, flat beyond its ends. */
function interpolate(xs: readonly number[], ys: readonly number[], x: number): number {
  let i = 1
  while (i < xs.length - 1 && x > (xs[i] ?? 0)) i++
  const x0 = xs[i - 1] ?? 0
  const x1 = xs[i] ?? 0
  const part = Math.min(1, Math.max(0, (x - x0) / (x1 - x0)))
  return (ys[i - 1] ?? 0) * (1 - part) + (ys[i] ?? 0) * part
}
