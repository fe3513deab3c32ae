import { readFileSync } from 'node:fs'
import { Float64, type RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { clusterer, type ClustererOptions } from '../../operators/clusterer.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { clusterRows } from '../../src/models/clusterer.ts'
import { flowOfBatches } from '../helpers/points.ts'
import { cutInto, tensorBatch, type Tensors } from '../helpers/tensors.ts'

type Groups = readonly (readonly number[])[]

interface Answered {
  readonly rows: Tensors
  readonly outliers: readonly number[]
  readonly potentialOutliers: readonly number[]
  readonly duplicates: Groups
  readonly potentialDuplicates: Groups
}

function fixture(name: string): unknown {
  const url = new URL(`../fixtures/clusterer/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8'))
}

const published = fixture('published') as (Answered & { readonly name: string })[]
const random = fixture('random') as Answered[]

const profile = 'dataeval-0.65'

async function run(batches: readonly RecordBatch[], options: Partial<ClustererOptions> = {}) {
  const flow = flowOfBatches(batches).pipe(clusterer({ profile, ...options }))
  const found = await lastValueFrom(flow.pipe(toArray()), { defaultValue: [] })
  function values(name: string): unknown[] {
    return found.flatMap((batch) => [...(batch.getChild(name) ?? [])] as unknown[])
  }
  return {
    outlier: values('outlier'),
    potential: values('potential_outlier'),
    group: values('duplicate_group'),
    near: values('potential_duplicate_group'),
  }
}

function batchOf(rows: Tensors): RecordBatch {
  return tensorBatch('embedding', [rows.find((row) => row)?.length ?? 2], rows, new Float64())
}

function marked(values: readonly unknown[]): number[] {
  return [...values.keys()].filter((row) => values[row] === true)
}

function groupsIn(values: readonly unknown[]): number[][] {
  const groups: number[][] = []
  for (const [row, group] of values.entries())
    if (typeof group === 'number') (groups[group] ??= []).push(row)
  return groups
}

describe('clusterer', () => {
  it.each(published)('reproduces what DataEval publishes: $name', async (expected) => {
    const found = await run([batchOf(expected.rows)])
    expect(marked(found.outlier)).toEqual(expected.outliers)
    expect(marked(found.potential)).toEqual(expected.potentialOutliers)
    expect(groupsIn(found.group)).toEqual(expected.duplicates)
    expect(groupsIn(found.near)).toEqual(expected.potentialDuplicates)
  })

  it("gives what DataEval's code gives for random rows", () => {
    for (const { rows, ...answers } of random) {
      const values = Float64Array.from(rows.flatMap((row) => row?.map(Number) ?? []))
      expect(clusterRows({ columns: rows[0]?.length ?? 1, values })).toEqual(answers)
    }
  })

  // The rest of what its tests say.
  it('takes equal rows for one group, and rows one apart for none', async () => {
    const equal = await run([batchOf(Array.from({ length: 6 }, () => [1, 1]))])
    expect(equal.group).toEqual([0, 0, 0, 0, 0, 0])
    expect(groupsIn(equal.near)).toEqual([])
    const spread = await run([
      batchOf([
        [0, 0],
        [1, 1],
        [2, 2],
      ]),
    ])
    expect([groupsIn(spread.group), groupsIn(spread.near)]).toEqual([[], []])
  })

  it('finds rows that are ten times as far out', async () => {
    const rows = published[0]?.rows.map((row, i) => (i < 4 ? row?.map((x) => 10 * Number(x)) : row))
    expect(marked((await run([batchOf(rows as Tensors)])).outlier)).toEqual(
      expect.arrayContaining([0, 1, 2, 3]),
    )
  })

  it('gives the same rows however they are cut; rows without embedding get nulls', async () => {
    const rows = published[1]?.rows ?? []
    const batch = batchOf([null, ...rows.slice(0, 20), null, ...rows.slice(20)])
    const whole = await run([batch])
    expect(whole.outlier[0]).toBe(null)
    expect(marked(whole.outlier)).toEqual([19, 23, 36, 37, 47])
    for (const size of [1, 7]) expect(await run(cutInto(batch, size))).toEqual(whole)
    expect(await run([batchOf([null, null, ...rows]).slice(2)])).toEqual(await run([batchOf(rows)]))
  })

  it('says nothing of no row and of one', async () => {
    expect((await run([batchOf([])])).outlier).toEqual([])
    expect(await run([batchOf([[1, 2]])])).toEqual({
      ...{ outlier: [null], potential: [null] },
      ...{ group: [null], near: [null] },
    })
  })

  it('refuses more rows than it can compare, saying what to do', async () => {
    const rows = batchOf(published[0]?.rows ?? [])
    await expect(run([rows], { maxRows: 99 })).rejects.toThrow(
      'Expected at most 99 rows for clusterer, whose time grows with their square, got more: take `clusters`, or `sample` them first',
    )
    expect((await run([rows], { maxRows: 100 })).outlier).toHaveLength(100)
  })

  it('checks its options, the column and the values', async () => {
    expect(() => clusterer({} as ClustererOptions)).toThrow(OptionError)
    expect(() => clusterer({ profile: 'dataeval' } as never)).toThrow(/`profile` .*'dataeval-0.65'/)
    expect(() => clusterer({ profile, maxRows: 0 })).toThrow(/`maxRows`/)
    expect(() => clusterer({ profile, rows: 3 } as never)).toThrow(/got `rows`/)
    await expect(run([batchOf([[1, 2]])], { column: 'other' })).rejects.toThrow(SchemaError)
    const endless = [
      [1, Infinity],
      [2, 3],
    ]
    await expect(run([batchOf(endless)])).rejects.toThrow(DataError)
  })
})
