import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { percentileThreshold, slopeThreshold } from '../../../src/models/duplicate-threshold.ts'

interface Known {
  readonly form: string
  readonly n: number
  readonly slope: Readonly<Record<string, number>>
  readonly percentile: Readonly<Record<string, number | string>>
}

const fixture = new URL('../../fixtures/duplicates/thresholds.json', import.meta.url)
const { thresholds } = JSON.parse(readFileSync(fixture, 'utf8')) as { thresholds: Known[] }

const forms: Readonly<Record<string, (t: number) => number>> = {
  cube: (t) => t ** 3,
  sqrt: (t) => t ** 0.5,
  sat: (t) => 1 - Math.exp(-8 * t),
}

function distancesOf({ form, n }: Known): Float64Array {
  const f = forms[form.split(':')[0] ?? ''] ?? Number
  return Float64Array.from({ length: n }, (_, i) => f((i + 1) / n))
}

const none = new Float64Array(0)

describe('slopeThreshold', () => {
  it.each(thresholds)('gives the known numbers for $n distances of $form', (known) => {
    const distances = distancesOf(known)
    for (const [sensitivity, expected] of Object.entries(known.slope))
      expect(slopeThreshold(distances, Number(sensitivity))).toBeCloseTo(expected, 12)
  })

  it('walks on where the rise is that of the middle half and no more', () => {
    const even = Float64Array.from({ length: 10 }, (_, i) => i)
    expect(slopeThreshold(even, 2.5)).toBe(1)
  })

  it('bears no distances and one', () => {
    expect(slopeThreshold(none, 5)).toBe(0)
    expect(slopeThreshold(Float64Array.of(3), 5)).toBe(3)
  })
})

describe('percentileThreshold', () => {
  it.each(thresholds)('gives the known numbers for $n distances of $form', (known) => {
    const distances = distancesOf(known)
    for (const [percentile, expected] of Object.entries(known.percentile)) {
      const last = distances.at(-1) ?? 0
      const found = percentileThreshold(distances, Number(percentile))
      // The reference fails where no place is left beyond the last.
      if (typeof expected === 'string') expect(found).toBe(last)
      else expect(found).toBeCloseTo(expected, 12)
    }
  })

  it('counts places as the product is rounded down: 28 for 29 of 100', () => {
    const distances = Float64Array.from({ length: 100 }, (_, i) => i)
    expect(percentileThreshold(distances, 29)).toBe(72)
    expect(percentileThreshold(distances, 0)).toBe(99)
    expect(percentileThreshold(distances, 100)).toBe(0)
    expect(percentileThreshold(none, 50)).toBe(0)
  })
})
