import { Float64 } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { flowOf } from '../../../src/flow/flow.ts'
import { coordinates } from '../../../src/workflows/scores.ts'
import { gather } from '../../helpers/pictures.ts'
import { cutInto, tensorBatch } from '../../helpers/tensors.ts'

describe('coordinates', () => {
  it.each([
    { of: 'float32', type: undefined, size: 1 },
    { of: 'float32', type: undefined, size: 3 },
    { of: 'float64', type: new Float64(), size: 3 },
  ])('places rows by $of, and none without an embedding, in batches of $size', async (given) => {
    const rows = [[1, 2, 3], null, [-4, 5, 6]]
    const batches = cutInto(tensorBatch('pca', [3], rows, given.type), given.size)
    const { batches: out } = await gather(flowOf(batches).pipe(coordinates()))
    const places = out.flatMap((b) => b.toArray().map((row) => [row.x, row.y] as unknown[]))
    expect(places).toEqual([
      [1, 2],
      [null, null],
      [-4, 5],
    ])
  })

  it('lays one component along a line', async () => {
    const { batches } = await gather(flowOf([tensorBatch('pca', [1], [[7]])]).pipe(coordinates()))
    expect(batches[0]?.get(0)?.toJSON()).toMatchObject({ x: 7, y: 0 })
  })
})
