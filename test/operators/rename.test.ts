import { describe, expect, it } from 'vitest'
import { flatten } from '../../operators/flatten.ts'
import { rename } from '../../operators/rename.ts'
import { batchOf, binaryColumn, int32Column, textColumn } from '../../src/batch/batch.ts'
import { heavy, isHeavy } from '../../src/batch/schema.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { heavyWanted } from '../../src/run/plan.ts'
import { askable } from '../helpers/askable.ts'
import { gather, values } from '../helpers/pictures.ts'

const image = binaryColumn('image', [Uint8Array.of(1), null, Uint8Array.of(3)])
const batch = batchOf([
  textColumn('id', ['a', 'b', 'c']),
  int32Column('n', [1, null, 3]),
  { ...image, field: heavy(image.field) },
])
const names = ({ schema }: { schema: { names: unknown[] } }) => schema.names

describe('rename', () => {
  it.each([1, 2, 3])('gives columns other names, in batches of %i', async (size) => {
    const parts = [0, 1, 2].filter((at) => at % size === 0)
    const input = parts.map((at) => batch.slice(at, Math.min(3, at + size)))
    const { batches } = await gather(flowOf(input).pipe(rename({ columns: { n: 'count' } })))
    expect(batches.map(names)).toEqual(parts.map(() => ['id', 'count', 'image']))
    expect(values(batches, 'count')).toEqual([1, null, 3])
  })

  it('changes the names of two, copies nothing, and keeps metadata', async () => {
    const swap = rename({ columns: { id: 'image', image: 'id' } })
    const [out] = (await gather(flowOf([batch]).pipe(swap))).batches
    expect(out && names(out)).toEqual(['image', 'n', 'id'])
    expect(out?.schema.fields.map(isHeavy)).toEqual([false, false, true])
    expect(out?.data.children[2]).toBe(batch.data.children[2])
  })

  it('asks under the old name for a heavy column that is wanted under the new one', async () => {
    const { flow, asked } = askable([batch])
    const operator = rename({ columns: { image: 'picture' } })
    // `image` is wanted of somebody who makes another column of that name.
    const { batches } = await gather(flow.pipe(operator), { columns: ['picture', 'pixels'] })
    expect(asked).toEqual(['image', 'pixels'])
    expect(batches.map(names)).toEqual([['id', 'n', 'picture']])

    const other = askable([batch])
    const none = await gather(other.flow.pipe(operator), { columns: ['image'] })
    expect(other.asked).toEqual([])
    expect(none.batches.map(names)).toEqual([['id', 'n']])
  })

  it('tells the plan what a table below it has to carry', () => {
    const { flow } = askable([batch])
    const end = flowOf(flow.pipe(rename({ columns: { image: 'embedding' } }), flatten()))
    expect([...(heavyWanted([end]).get(flow) ?? [])]).toEqual(['image'])
  })

  it('refuses a missing column, and a name that another one has', async () => {
    const wrong = rename({ columns: { m: 'k' } })
    const message = 'Expected column `m` for rename, got columns id, n, image; did you mean `n`?'
    await expect(flowOf(askable([batch]).flow.pipe(wrong)).schema()).rejects.toThrow(message)
    await expect(gather(flowOf([batch]).pipe(wrong))).rejects.toThrow(message)
    const taken = flowOf([batch]).pipe(rename({ columns: { n: 'id' } }))
    await expect(gather(taken)).rejects.toThrow(
      new SchemaError(
        'Expected no other column `id` for rename, got columns id, n, image: drop or rename that one too',
        { column: 'id' },
      ),
    )
  })

  it.each([
    [{ columns: {} }, 'Expected option `columns` to be an object of non-empty strings, by column'],
    [{ columns: { n: '' } }, 'to be an object of non-empty strings, by column'],
    [{ columns: ['n'] }, 'to be an object of non-empty strings, by column'],
    [{ columns: { n: 'x', id: 'x' } }, 'to give each column a name of its own, got x, x'],
  ])('refuses %o', (options, message) => {
    expect(() => rename(options as never)).toThrow(OptionError)
    expect(() => rename(options as never)).toThrow(message)
  })
})
