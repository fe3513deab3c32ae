import { describe, expect, it } from 'vitest'
import { diversity, type DiversityOptions } from '../../operators/diversity.ts'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { bias, biasBatches, rowsThrough } from '../helpers/bias.ts'

const columns = ['site', 'light', 'noise', 'bright']

const diversityOf = (options: DiversityOptions, size = 300, nulls = 0) =>
  rowsThrough(biasBatches(size, nulls), diversity({ columns, ...options }))

/** What scipy and numpy say. */
function expected(profile: 'dataeval-1' | 'dataeval-0.65'): unknown[] {
  return bias.diversity.map(({ column, bins, simpson: newer, simpson_065: older, shannon }) => {
    const simpson = profile === 'dataeval-1' ? newer : older
    return {
      ...{ column, bins, class: null, rows: 300 },
      simpson: expect.closeTo(simpson, 9) as number,
      shannon: expect.closeTo(shannon, 9) as number,
      low_diversity: simpson <= 0.5,
    }
  })
}

describe('diversity', () => {
  it('is what scipy and numpy say, by each version of DataEval', async () => {
    for (const profile of ['dataeval-1', 'dataeval-0.65'] as const)
      expect(await diversityOf({ profile })).toEqual(expected(profile))
  })

  it('depends neither on the batches nor on rows without values', async () => {
    const whole = await diversityOf({ rows: 100, classwise: true })
    for (const size of [1, 7])
      expect(await diversityOf({ rows: 100, classwise: true }, size)).toEqual(whole)
    expect(await diversityOf({}, 50, 5)).toEqual(expected('dataeval-1'))
  })

  it('keeps the bins of all for the rows of a label', async () => {
    const batch = batchOf([
      textColumn('label', ['a', 'a', 'a', 'a', 'b', 'b', null]),
      textColumn('site', ['x', 'x', 'y', 'y', 'x', 'x', 'z']),
    ])
    const rows = await rowsThrough([batch], diversity({ columns: ['site'], classwise: true }))
    const half = { class: 'a', rows: 4, bins: 3, simpson: 0.5, low_diversity: true }
    expect(rows.slice(2)).toEqual([
      { column: 'site', ...half, shannon: expect.closeTo(Math.log(2) / Math.log(3), 12) as number },
      { column: 'site', class: 'b', rows: 2, bins: 3, simpson: 0, shannon: 0, low_diversity: true },
    ])
    expect(rows[0]).toMatchObject({ column: 'label', rows: 6, bins: 2 })
  })

  it('is 1 of what is even, and never more', async () => {
    for (const rows of [288, 600]) {
      const names = Array.from({ length: rows }, (_, i) => `s${String(i)}`)
      const batch = batchOf([textColumn('label', names)])
      const [row] = await rowsThrough([batch], diversity())
      expect(row).toMatchObject({ bins: rows, simpson: 1 })
      expect(row?.['shannon']).toBeLessThanOrEqual(1)
      expect(row?.['shannon']).toBeCloseTo(1, 12)
    }
  })

  it('is 0 of what is constant or null', async () => {
    const batch = batchOf([textColumn('label', ['a', 'a']), textColumn('site', [null, null])])
    const rows = await rowsThrough([batch], diversity({ columns: ['site'] }))
    expect(rows.map(({ bins, simpson, shannon }) => [bins, simpson, shannon])).toEqual([
      [1, 0, 0],
      [0, 0, 0],
    ])
    expect(await rowsThrough([batch.slice(0, 0)], diversity({ columns: ['site'] }))).toEqual([])
  })

  it('checks its options and columns', async () => {
    expect(() => diversity({ rows: 0 })).toThrow(OptionError)
    expect(() => diversity({ method: 'simpson' } as never)).toThrow(OptionError)
    await expect(diversityOf({ columns: ['colour'] })).rejects.toThrow(SchemaError)
  })
})
