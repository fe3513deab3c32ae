import { describe, expect, it } from 'vitest'
import {
  calibratedScale,
  DuplicateEvidence,
  evidenceAt,
  leastEvidence,
} from '../../../src/models/duplicate-evidence.ts'

describe('DuplicateEvidence', () => {
  const evidence = new DuplicateEvidence()

  it('gives the calibrated shares of unrelated pairs', () => {
    expect(evidence.ofDistance(1 - 0.787)).toBeCloseTo(2, 1)
    expect(evidence.ofDistance(1 - 0.887)).toBeCloseTo(4, 1)
    expect(evidence.ofHamming(20)).toBe(2.03)
    expect(evidence.ofHamming(0)).toBe(7.656)
  })

  it('is 0 for what is missing, and that adds nothing to the other', () => {
    expect(evidence.ofDistance(Number.NaN)).toBe(0)
    expect(evidence.ofHamming(65)).toBe(0)
    expect(evidence.of(0.1, 65)).toBe(evidence.ofDistance(0.1))
    expect(evidence.of(Number.NaN, 3)).toBe(evidence.ofHamming(3))
  })

  it('never falls with a smaller distance or fewer bits, and together is at least each', () => {
    for (let hamming = 0; hamming <= 64; hamming++)
      for (let distance = 0; distance < 1; distance += 0.05) {
        const here = evidence.of(distance, hamming)
        expect(here).toBeGreaterThanOrEqual(evidence.of(distance + 0.05, hamming))
        expect(here).toBeGreaterThanOrEqual(evidence.ofDistance(distance) - 1e-9)
        expect(here).toBeGreaterThanOrEqual(evidence.ofHamming(hamming) - 1e-9)
      }
  })

  it('stretches to the data, and trusts hashes less where those of the data are alike', () => {
    const tight = new DuplicateEvidence({ medianDistance: 0.1, lowDistance: 0.02, lowHamming: 5 })
    expect(tight.ofDistance(0.02)).toBeCloseTo(2, 6)
    expect(tight.ofDistance(0.1)).toBeCloseTo(0.3, 1)
    expect(tight.ofHamming(5)).toBeCloseTo(2.03, 6)
    expect(new DuplicateEvidence({ ...calibratedScale, lowHamming: 30 }).ofHamming(20)).toBe(2.03)
    expect(new DuplicateEvidence({ ...calibratedScale, lowHamming: 0 }).ofHamming(1)).toBe(0)
  })

  it('turns the least evidence into a distance per number of bits', () => {
    const limits = evidence.limits(6)
    expect(limits.length).toBe(66)
    expect(limits[0]).toBe(Infinity)
    expect(limits[64]).toBeCloseTo(0.0528, 3)
    for (const [hamming, limit] of limits.entries()) {
      if (limit < 0 || limit === Infinity) continue
      expect(evidence.of(limit, hamming)).toBeGreaterThanOrEqual(6)
      expect(evidence.of(limit + 1e-6, hamming)).toBeLessThan(6)
    }
  })
})

describe('leastEvidence', () => {
  it('asks for more with more items, and a factor of ten less for ten times the false pairs', () => {
    expect(evidenceAt(1e-3)).toBe(3.34)
    expect(leastEvidence(262, 0.1)).toBeCloseTo(evidenceAt(0.0262 / 34191), 9)
    expect(leastEvidence(10_000, 0.1)).toBeGreaterThan(leastEvidence(1000, 0.1))
    expect(leastEvidence(1000, 0.1) - leastEvidence(1000, 1)).toBeCloseTo(1 / 0.92, 9)
  })
})
