import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  outlierLimits,
  type OutlierMethod,
  outlierMethods,
  usualThresholds,
} from '../../../src/models/outlier-methods.ts'
import { OutlierLearner } from '../../../src/models/outlier-learner.ts'
import { RankedValues } from '../../../src/models/ranked-values.ts'

interface Case {
  readonly name: string
  readonly values: readonly number[]
  readonly bounds: Readonly<Record<OutlierMethod, readonly [number, number] | null>>
}

// NumPy 1.24; see test/fixtures/outliers/README.md.
const fixture = new URL('../../fixtures/outliers/bounds.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as { cases: readonly Case[] }

function ruleOf(method: OutlierMethod): { unit: 'scale'; lower: number; upper: number } {
  return { unit: 'scale', lower: usualThresholds[method], upper: usualThresholds[method] }
}

function rowsOf(values: readonly number[]): Parameters<typeof outlierLimits>[2] {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
  const ranked = RankedValues.of(Float64Array.from(values))
  return { ranked, mean, deviation: Math.sqrt(variance) }
}

function learnerOf(method: OutlierMethod, values: readonly number[]): OutlierLearner {
  const rules = [ruleOf(method)]
  const learner = new OutlierLearner({
    columns: ['x'],
    log: [],
    by: undefined,
    method,
    rules,
    minRows: 1,
  })
  learner.learn([Float64Array.from(values)], values.length)
  return learner
}

describe('outlierLimits', () => {
  it.each(cases)('equals NumPy: $name', ({ values, bounds }) => {
    for (const method of outlierMethods) {
      const expected = bounds[method]
      const limits = outlierLimits(method, ruleOf(method), rowsOf(values))
      // Few values are exact in a sketch.
      const sketched = learnerOf(method, values).find(0, null)?.limits
      for (const found of [limits, sketched]) {
        if (!expected || !found) expect(found ?? null).toBe(expected)
        else {
          expect(found.lower).toBeCloseTo(expected[0], 9)
          expect(found.upper).toBeCloseTo(expected[1], 9)
          expect(Math.min(found.lowerScale, found.upperScale)).toBeGreaterThan(0)
        }
      }
    }
  })

  it('takes thresholds for each side, none, and values in place of multiples', () => {
    const rows = rowsOf([1, 2, 3, 4, 5, 6, 7, 8, 9])
    const oneSided = outlierLimits('zscore', { unit: 'scale', lower: null, upper: 2 }, rows)
    expect(oneSided?.lower).toBe(-Infinity)
    expect(oneSided?.upper).toBeCloseTo(5 + 2 * Math.sqrt(60 / 9), 12)
    const given = { unit: 'value', lower: 3, upper: null } as const
    expect(outlierLimits('iqr', given, rows)).toMatchObject({ lower: 3, upper: Infinity })
    expect(outlierLimits('iqr', given, rowsOf([7, 7, 7]))).toEqual({
      ...{ lower: 3, upper: Infinity, lowerScale: 1, upperScale: 1 },
    })
  })

  it('finds nearly the same bounds by a sketch of many values', () => {
    let state = 17
    const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
    const normal = (): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next())
    const values = Array.from({ length: 30_000 }, () => Math.exp(0.4 * normal()))
    for (const method of outlierMethods) {
      const exact = outlierLimits(method, ruleOf(method), rowsOf(values))
      const found = learnerOf(method, values).find(0, null)?.limits
      const { lowerScale = 0, upperScale = 0 } = exact ?? {}
      expect(Math.abs((found?.lower ?? NaN) - (exact?.lower ?? NaN))).toBeLessThan(
        0.05 * lowerScale,
      )
      expect(Math.abs((found?.upper ?? NaN) - (exact?.upper ?? NaN))).toBeLessThan(
        0.05 * upperScale,
      )
    }
  })
})
