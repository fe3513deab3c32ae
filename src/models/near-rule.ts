import { noHamming } from '../kernels/near-pairs.ts'
import { type DuplicateEvidence, evidenceAt, leastEvidence } from './duplicate-evidence.ts'

/** A member that hangs on others stays if so few unrelated pairs are as near to the kept one. */
const memberShare = 1e-3

/** Which pairs are near. Distances are NaN, and Hamming distances 65, where something is missing. */
export interface NearRule {
  /** For each Hamming distance, and at 65 for none, the distance up to which a pair is near; see `NearPairsMessage`. */
  readonly limits: Float64Array
  /** Whether a row is near enough to the kept one of its group to stay with it. */
  readonly holds: (distance: number, hamming: number) => boolean
  /** How unlike a pair is: the less, the sooner it is joined. */
  readonly unlikeness: (distance: number, hamming: number) => number
  /** What ties a pair together. */
  readonly by: (distance: number, hamming: number) => 'embedding' | 'phash'
}

/** Near by embedding and hash together; of unrelated pairs `falsePairs` per 1,000 of `numItems`. */
export function evidenceRule(
  evidence: DuplicateEvidence,
  { numItems, falsePairs }: { readonly numItems: number; readonly falsePairs: number },
): NearRule {
  const enough = evidenceAt(memberShare)
  return {
    limits: evidence.limits(leastEvidence(numItems, falsePairs)),
    holds: (distance, hamming) => evidence.of(distance, hamming) >= enough,
    unlikeness: (distance, hamming) => -evidence.of(distance, hamming),
    by: (distance, hamming) =>
      evidence.ofHamming(hamming) > evidence.ofDistance(distance) ? 'phash' : 'embedding',
  }
}

/** Near by embedding alone, up to a distance. */
export function distanceRule(threshold: number): NearRule {
  return {
    limits: new Float64Array(noHamming + 1).fill(threshold),
    holds: (distance) => distance <= threshold,
    unlikeness: (distance) => distance,
    by: () => 'embedding',
  }
}

/** Near by hash alone, up to a number of bits. */
export function bitsRule(bits: number): NearRule {
  return {
    limits: Float64Array.from({ length: noHamming + 1 }, (_, hamming) =>
      hamming <= bits ? Infinity : -1,
    ),
    holds: (_, hamming) => hamming <= bits,
    unlikeness: (_, hamming) => hamming,
    by: () => 'phash',
  }
}
