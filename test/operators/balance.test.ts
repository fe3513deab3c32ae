import { lastValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { balance, type BalanceOptions } from '../../operators/balance.ts'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { bias, biasBatches, type BalanceNumbers, rowsThrough } from '../helpers/bias.ts'
import { flowOfBatches } from '../helpers/points.ts'

const columns = ['site', 'light', 'noise', 'bright']

/** Row by row of the table what scikit-learn says; its noise of 1e-10 is another one. */
function expected(
  of: readonly BalanceNumbers[],
  { profile = 'dataeval-1', name = null }: { profile?: string; name?: string | null } = {},
): unknown[] {
  return of.map(({ column, other, mi, dataeval_1: newer, dataeval_065: older }) => {
    const normalized = profile === 'dataeval-1' ? newer : older
    return {
      column,
      other,
      class: name,
      mutual_information: expect.closeTo(mi, 9) as number,
      normalized: expect.closeTo(normalized, 9) as number,
      unbalanced: normalized > (column === 'label' ? 0.3 : 0.5),
    }
  })
}

const balanceOf = (options: BalanceOptions, size = 300, nulls = 0) =>
  rowsThrough(biasBatches(size, nulls), balance({ columns, ...options }))

describe('balance', () => {
  it('is what scikit-learn says, normalized as each version of DataEval does', async () => {
    for (const profile of ['dataeval-1', 'dataeval-0.65'] as const)
      expect(await balanceOf({ profile })).toEqual(expected(bias.balance, { profile }))
  })

  it('holds each label against all others, too', async () => {
    const rows = await balanceOf({ classwise: true })
    expect(rows.filter((row) => row['class'] === null)).toEqual(expected(bias.balance))
    const one = rows.filter((row) => row['class'] === 'label 1')
    expect(one).toEqual(expected(bias.balance_of_label_1, { name: 'label 1' }))
    expect(rows).toHaveLength(10 + 3 * 4)
  })

  it('depends neither on the batches nor on rows without values', async () => {
    const whole = await balanceOf({ rows: 100 })
    for (const size of [1, 7]) expect(await balanceOf({ rows: 100 }, size)).toEqual(whole)
    expect(await balanceOf({}, 50, 5)).toEqual(expected(bias.balance))
  })

  it('takes all numbers by default, and says which columns come', async () => {
    const batches = biasBatches(300)
    const rows = await rowsThrough(batches, balance())
    expect(rows.slice(0, 3).map((row) => row['other'])).toEqual(['light', 'noise', 'bright'])
    const flow = flowOf(flowOfBatches(batches).pipe(balance()))
    expect(String(await flow.schema())).toBe(String((await lastValueFrom(flow)).schema))
    expect(await rowsThrough([batchOf([textColumn('label', [])])], balance())).toEqual([])
  })

  it('is 0 of what is constant, and 1 of what is the same', async () => {
    const texts = ['a', 'a', 'b', 'b', 'c']
    const batch = batchOf([
      textColumn('label', texts),
      textColumn('same', texts),
      textColumn(
        'constant',
        texts.map(() => 'x'),
      ),
    ])
    const rows = await rowsThrough([batch], balance({ columns: ['same', 'constant'] }))
    expect(rows.map((row) => row['normalized'])).toEqual([1, 0, 0])
  })

  it('checks its options and columns', async () => {
    expect(() => balance({ k: 0 })).toThrow(OptionError)
    expect(() => balance({ profile: '1' as never })).toThrow(OptionError)
    await expect(balanceOf({ columns: ['colour'] })).rejects.toThrow(SchemaError)
    await expect(balanceOf({ label: 'light' })).rejects.toThrow(SchemaError)
  })
})
