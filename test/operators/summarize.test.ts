import { Field, Float64, List, vectorFromArray } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { summarize, type SummarizeOptions } from '../../operators/summarize.ts'
import { batchOf, float64Column, int64Column, textColumn } from '../../src/batch/batch.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { gather } from '../helpers/pictures.ts'
import { cutInto } from '../helpers/tensors.ts'

const lists = new List(new Field('item', new Float64(), true))
const batch = batchOf([
  textColumn('id', ['a', 'b', 'c', 'd', 'e']),
  float64Column('x', Float64Array.of(1, 2, NaN, 4, 8)),
  int64Column('n', [1n, null, 3n, null, 5n]),
  float64Column('none', new Float64Array(5).fill(NaN)),
  {
    field: new Field('channels', lists, true),
    vector: vectorFromArray([[1, 10], [3, 30], null, [5], [7, null]], lists),
  },
])

async function rowsOf(options: SummarizeOptions, size = 5): Promise<Record<string, unknown>[]> {
  const { batches } = await gather(flowOf(cutInto(batch, size)).pipe(summarize(options)))
  return batches.flatMap((b) => b.toArray().map((row) => row.toJSON()))
}

describe('summarize', () => {
  it.each([1, 2, 5])('tells what columns of numbers are like, in batches of %i', async (size) => {
    // numpy 1.24.2: x = [1, 2, 4, 8]: mean 3.75, std 2.680951323690902
    const rows = await rowsOf({}, size)
    expect(rows).toEqual([
      {
        ...{ column: 'x', count: 4n, missing: 1n, mean: 3.75, std: 2.680951323690902 },
        ...{ min: 1, p5: 1.5, p25: 1.5, median: 3, p75: 6, p95: 6, max: 8 },
      },
      {
        ...{ column: 'n', count: 3n, missing: 2n, mean: 3, std: 1.632993161855452 },
        ...{ min: 1, p5: 2, p25: 2, median: 3, p75: 4, p95: 4, max: 5 },
      },
      {
        ...{ column: 'none', count: 0n, missing: 5n, mean: NaN, std: NaN },
        ...{ min: NaN, p5: NaN, p25: NaN, median: NaN, p75: NaN, p95: NaN, max: NaN },
      },
    ])
  })

  it('says nothing of no rows, be they no batch or an empty one', async () => {
    for (const batches of [[], [batch.slice(0, 0)]])
      expect((await gather(flowOf(batches).pipe(summarize()))).batches).toEqual([])
  })

  it('reads off values whose sum is beyond the largest number', async () => {
    const huge = batchOf([float64Column('x', Float64Array.of(1e308, 1.5e308, 1.7e308))])
    const { batches } = await gather(flowOf([huge]).pipe(summarize()))
    const row = batches[0]?.get(0)?.toJSON()
    expect(row).toMatchObject({ min: 1e308, p25: 1.25e308, median: 1.5e308, max: 1.7e308 })
  })

  it('takes the places of lists by themselves', async () => {
    const rows = await rowsOf({ columns: ['channels'] })
    expect(rows.map(({ column, count, missing, mean }) => [column, count, missing, mean])).toEqual([
      ['channels[0]', 4n, 0n, 4],
      ['channels[1]', 2n, 1n, 20],
    ])
  })

  it('is off by at most the error in the rank of a quantile', async () => {
    const values = Float64Array.from({ length: 20_000 }, (_, i) => (i * 7_919) % 20_000)
    const big = flowOf(cutInto(batchOf([float64Column('x', values)]), 1_000))
    const { batches } = await gather(big.pipe(summarize({ error: 0.01 })))
    const row = batches[0]?.get(0)?.toJSON() as Record<string, number>
    expect([row['min'], row['max']]).toEqual([0, 19_999])
    expect(row['mean']).toBeCloseTo(9_999.5, 6)
    for (const [name, share] of [
      ['p5', 0.05],
      ['median', 0.5],
      ['p95', 0.95],
    ] as const)
      expect(Math.abs((row[name] ?? NaN) - share * 20_000)).toBeLessThanOrEqual(200)
  })

  it('checks its options and columns', async () => {
    expect(() => summarize({ error: 0 })).toThrow(OptionError)
    expect(() => summarize({ column: ['x'] } as SummarizeOptions)).toThrow(
      'did you mean `columns`?',
    )
    await expect(rowsOf({ columns: ['id'] })).rejects.toThrow(SchemaError)
    const long = {
      field: new Field('l', lists, true),
      vector: vectorFromArray([new Array(65).fill(0)], lists),
    }
    const flow = flowOf([batchOf([long])]).pipe(summarize({ columns: ['l'] }))
    await expect(gather(flow)).rejects.toThrow(DataError)
  })
})
