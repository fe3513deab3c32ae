import { describe, expect, it } from 'vitest'
import { Random } from '../../../../src/kernels/random.ts'
import { adjustedP } from '../../../../src/models/two-sample/adjusted-p.ts'
import { chiSquare } from '../../../../src/models/two-sample/chi-square.ts'
import { cramerVonMises } from '../../../../src/models/two-sample/cramer-von-mises.ts'
import { chiSquareTail } from '../../../../src/models/two-sample/gamma-tail.ts'
import { kolmogorovSmirnov } from '../../../../src/models/two-sample/kolmogorov-smirnov.ts'
import { mannWhitneyGreater } from '../../../../src/models/two-sample/mann-whitney.ts'
import { kernelWidth, meanDiscrepancy } from '../../../../src/models/two-sample/mean-discrepancy.ts'
import { populationStability } from '../../../../src/models/two-sample/population-stability.ts'
import type { TwoSampleResult } from '../../../../src/models/two-sample/two-sample.ts'
import { wasserstein } from '../../../../src/models/two-sample/wasserstein.ts'
import { matrixOf } from '../../../helpers/digits.ts'
import { twoSample } from '../../../helpers/two-sample.ts'

/** `got` is `statistic` and `p`, each to a relative tolerance. */
function expectResult(
  got: TwoSampleResult,
  [statistic, p]: readonly [number, number],
  tolerance = 1e-9,
): void {
  expect(Math.abs(got.statistic / statistic - 1)).toBeLessThan(1e-9)
  expect(Math.abs(got.pValue / p - 1)).toBeLessThan(tolerance)
}

const pairs = Object.entries(twoSample.pairs).map(([name, { x, y, ...expected }]) => ({
  name,
  x: Float64Array.from(x),
  y: Float64Array.from(y),
  expected,
}))

// Samples and numbers by scipy 1.10.1 (test/fixtures/drift/regenerate.py).
describe.each(pairs)('of $name', ({ x, y, expected }) => {
  it('kolmogorovSmirnov is ks_2samp', () => {
    expectResult(kolmogorovSmirnov(x, y), expected.ks)
    expectResult(kolmogorovSmirnov(y, x), expected.ks)
  })

  it('cramerVonMises is cramervonmises_2samp, of ties the mean over their orders', () => {
    const got = cramerVonMises(x, y)
    // Far out scipy's sum is cut off too early: of 1e-19 it makes 1e-10.
    if (expected.cvm[1] > 1e-6) expectResult(got, expected.cvm, 1e-7)
    else expect(got.pValue).toBeGreaterThan(0)
    expect(got.pValue).toBeLessThanOrEqual(1.001 * expected.cvm[1])
  })

  it('mannWhitneyGreater is mannwhitneyu(y, x, greater, asymptotic)', () => {
    expectResult(mannWhitneyGreater(x, y), expected.mwu_greater)
  })

  it('wasserstein is wasserstein_distance, by the interquartile range, or the range where that is 0', () => {
    const { distance, statistic } = wasserstein(x, y, { permutations: 9, random: new Random(1) })
    expect(distance).toBeCloseTo(expected.wasserstein, 12)
    expect(statistic).toBeCloseTo(expected.wasserstein / expected.scale, 12)
  })

  it('populationStability is its formula in numpy', () => {
    expectResult(populationStability(x, y), expected.psi)
  })
})

describe('samples too large for an exact p', () => {
  it.each(twoSample.large)('agree with scipy, to the power $power', ({ power, ks, cvm }) => {
    const x = Float64Array.from({ length: 12_000 }, (_, i) => (i + 0.5) / 12_000)
    const y = Float64Array.from({ length: 11_000 }, (_, j) => ((j + 0.5) / 11_000) ** power)
    // scipy takes the distribution of one sample of mn / (m + n) rows, which is the limit and three more terms.
    expectResult(kolmogorovSmirnov(x, y), ks, 2e-3)
    expectResult(cramerVonMises(x, y), cvm, 1e-6)
  })
})

describe('cramerVonMises', () => {
  it.each([5, 300])('finds no difference in %d rows of one value', (rows) => {
    const constant = new Float64Array(rows).fill(7)
    expect(cramerVonMises(constant, constant.slice(1)).pValue).toBeGreaterThan(0.3)
    expect(
      cramerVonMises(
        constant,
        constant.map((v) => v - 1),
      ).pValue,
    ).toBeLessThan(0.01)
  })
})

describe('populationStability', () => {
  it('sees that what was one value is below it, above it, or no longer only that', () => {
    const constant = new Float64Array(300).fill(7)
    expect(populationStability(constant, constant.slice(1))).toEqual({ statistic: 0, pValue: 1 })
    for (const other of [6, 8]) {
      const half = constant.map((value, i) => (i < 150 ? other : value)).sort()
      const { statistic, pValue } = populationStability(constant, half)
      expect(statistic).toBeGreaterThan(2)
      expect(pValue).toBeLessThan(1e-9)
    }
  })
})

describe('wasserstein', () => {
  it('has the p of all ways to split few rows', () => {
    const [x, y] = [Float64Array.of(0, 1, 2, 3), Float64Array.of(10, 11, 12, 13)]
    // 2 of 70 splits are as far apart.
    const { pValue } = wasserstein(x, y, { permutations: 20_000, random: new Random(3) })
    expect(Math.abs(pValue - 2 / 70)).toBeLessThan(0.004)
  })

  it('scales by the range where the quartiles are equal, and by nothing where all are', () => {
    const options = { permutations: 1, random: new Random(0) }
    const spike = Float64Array.of(0, 5, 5, 5, 5, 5, 8)
    expect(
      wasserstein(
        spike,
        spike.map((v) => v + 4),
        options,
      ).statistic,
    ).toBeCloseTo(0.5, 12)
    const constant = Float64Array.of(5, 5)
    expect(
      wasserstein(
        constant,
        constant.map((v) => v + 4),
        options,
      ).statistic,
    ).toBe(4)
    expect(wasserstein(constant, constant, options)).toMatchObject({ statistic: 0, pValue: 1 })
  })
})

describe('chiSquare', () => {
  it.each(twoSample.tables)('is chi2_contingency(correction=False) of $table', (given) => {
    const [x = [], y = []] = given.table
    const counts = (row: readonly number[]) => new Map(row.map((count, i) => [i, count]))
    expectResult(chiSquare(counts(x), counts(y)), [given.statistic, given.p])
    // A category that only one has may be missing in the other.
    const seen = (row: readonly number[]) => new Map([...counts(row)].filter(([, n]) => n > 0))
    expectResult(chiSquare(seen(x), seen(y)), [given.statistic, given.p])
  })

  it('finds no difference where there is one category', () => {
    const one = new Map([['a', 3]])
    expect(chiSquare(one, one)).toEqual({ statistic: 0, pValue: 1 })
  })
})

describe('chiSquareTail', () => {
  it.each(twoSample.chi2_tail)('of %d with %d degrees of freedom is chi2.sf', (x, degrees, p) => {
    expect(Math.abs(chiSquareTail(x, degrees) / p - 1)).toBeLessThan(1e-10)
  })
})

describe('meanDiscrepancy', () => {
  const reference = matrixOf(twoSample.mmd.reference)
  const arrived = matrixOf(twoSample.mmd.arrived)

  it('is MMD² in numpy, with the width that DataEval takes', () => {
    const { sigma, mmd2, share_reached } = twoSample.mmd
    expect(kernelWidth(reference)).toBeCloseTo(sigma, 12)
    const options = { sigma, permutations: 5_000, random: new Random(1) }
    const { statistic, pValue } = meanDiscrepancy(reference, arrived, options)
    expect(statistic).toBeCloseTo(mmd2, 12)
    // Of 20,000 permutations in numpy; five standard errors of both.
    const error = 5 * Math.sqrt(share_reached * (1 / 5_000 + 1 / 20_000))
    expect(Math.abs(pValue - share_reached)).toBeLessThan(error)
  })

  it('is never 0, and 1 where all rows are the same', () => {
    const far = matrixOf(twoSample.mmd.arrived.map((row) => row.map((value) => value + 100)))
    const options = { sigma: 1, permutations: 99, random: new Random(1) }
    expect(meanDiscrepancy(reference, far, options).pValue).toBe(0.01)
    const same = matrixOf([[1], [1], [1]])
    expect(kernelWidth(same)).toBe(1)
    expect(meanDiscrepancy(same, same, options)).toEqual({ statistic: 0, pValue: 1 })
  })
})

describe('adjustedP', () => {
  // p.adjust of R 4.2: p.adjust(c(.01, .04, .03, .2), 'BH') and 'bonferroni'.
  it.each([
    ['fdr', [0.04, 0.16 / 3, 0.16 / 3, 0.2]],
    ['bonferroni', [0.04, 0.16, 0.12, 0.8]],
    ['none', [0.01, 0.04, 0.03, 0.2]],
  ] as const)('%s', (correction, expected) => {
    const got = adjustedP([0.01, 0.04, 0.03, 0.2], correction)
    expect(got).toEqual(expected.map((p) => expect.closeTo(p, 12) as number))
  })
})
