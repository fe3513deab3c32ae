import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, describe, expect, it } from 'vitest'
import { groupChanges } from '../../operators/group-changes.ts'
import { onlineDuplicates } from '../../operators/online-duplicates.ts'
import { SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { flowOfBatches, pointBatches, pointsAt } from '../helpers/points.ts'

afterAll(closeKernel)

const places = [[0], [9], [0.5], null, [2.5], [3.5], [1.5]]

function changes(size: number): ReturnType<typeof flowOf<RecordBatch>> {
  const options = { distance: 1, metric: 'euclidean' } as const
  const rows = flowOfBatches(pointBatches(pointsAt(places), 1, size))
  return flowOf(rows.pipe(onlineDuplicates(options), groupChanges()))
}

describe('groupChanges', () => {
  it.each([1, 2, 10])('says who joined and what merged, in batches of %i', async (size) => {
    const batches = await lastValueFrom(changes(size).pipe(toArray()))
    const rows = batches.flatMap((batch) => [...batch].map((row) => row.toJSON() as object))
    expect(rows.map((row) => Object.values(row) as unknown[])).toEqual([
      ['joined', '0', '2', null],
      ['joined', '4', '5', null],
      ['joined', '0', '6', null],
      ['merged', '0', '6', '4'],
    ])
  })

  it('says what comes out', async () => {
    const [first] = await lastValueFrom(changes(10).pipe(toArray()))
    expect(String(first?.schema)).toBe(String(await changes(10).schema()))
  })

  it('refuses rows that onlineDuplicates has not seen', async () => {
    const rows = flowOfBatches(pointBatches(pointsAt(places), 1))
    await expect(lastValueFrom(rows.pipe(groupChanges()))).rejects.toThrow(
      new SchemaError('Expected column `group_id` for groupChanges, got columns id, embedding', {
        column: 'group_id',
      }),
    )
  })
})
