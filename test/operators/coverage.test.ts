import { afterAll, describe, expect, it } from 'vitest'
import { coverage, type CoverageOptions } from '../../operators/coverage.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { bias, rowsThrough } from '../helpers/bias.ts'
import { endless } from '../helpers/flows.ts'
import { labelledDigits } from '../helpers/labelled-digits.ts'
import { pointBatches, pointsAt } from '../helpers/points.ts'

afterAll(closeKernel)

const { k, radii, adaptive_5_percent, naive_columns, naive_uncovered } = bias.coverage
const digits = labelledDigits()
  .slice(0, 150)
  .map(({ at }) => at.map((value) => value / 16))

type Places = readonly (readonly number[] | null)[]

async function covered(places: Places, options: CoverageOptions, size = 50) {
  const length = places.find((place) => place !== null)?.length ?? 1
  const rows = await rowsThrough(pointBatches(pointsAt(places), length, size), coverage(options))
  return {
    radii: rows.map((row) => row['coverage_radius']),
    uncovered: rows.flatMap((row, i) => (row['uncovered'] === true ? [i] : [])),
  }
}

describe('coverage', () => {
  // Radii by scikit-learn 1.2.1 (test/fixtures/labels/regenerate.py).
  it('has the distance of the k-th neighbour, and leaves the farthest share uncovered', async () => {
    for (const size of [1, 150]) {
      const got = await covered(digits, { k, share: 0.05 }, size)
      expect(got.radii).toEqual(radii.map((radius) => expect.closeTo(radius, 6) as number))
      expect(got.uncovered).toEqual(adaptive_5_percent)
    }
  })

  it('leaves uncovered what is outside of the naive radius', async () => {
    const flat = digits.map((at) => naive_columns.map((column) => at[column] ?? NaN))
    expect((await covered(flat, { k, radius: 'naive' })).uncovered).toEqual(naive_uncovered)
    await expect(covered([[0], [1.5]], { radius: 'naive' })).rejects.toThrow(
      new DataError('Expected values from 0 to 1 in column `embedding`, got 1.5 at row 1', {
        url: 'embedding',
      }),
    )
  })

  it('leaves one row uncovered at least, or none as DataEval 0.65', async () => {
    const line = [[0], [1], [2], [9], null]
    const newer = await covered(line, { k: 1 })
    expect(newer).toEqual({ radii: [1, 1, 1, 7, null], uncovered: [3] })
    expect((await covered(line, { k: 1, profile: 'dataeval-0.65' })).uncovered).toEqual([])
  })

  it('says nothing where there are no k others', async () => {
    expect(await covered([[0], [1], null], { k: 2 })).toEqual({
      radii: [null, null, null],
      uncovered: [],
    })
  })

  it('checks its options and columns', async () => {
    expect(() => coverage({ share: 2 })).toThrow(OptionError)
    expect(() => coverage({ radius: 'naive', share: 0.1 })).toThrow(OptionError)
    expect(() => endless().pipe(coverage())).toThrow(OptionError)
    await expect(covered([[0]], { column: 'pca' })).rejects.toThrow(SchemaError)
  })
})
