import { describe, expect, it } from 'vitest'
import { select } from '../../operators/select.ts'
import { batchOf, binaryColumn, int32Column, textColumn } from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { OptionError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { askable } from '../helpers/askable.ts'
import { gather, values } from '../helpers/pictures.ts'

const image = binaryColumn('image', [Uint8Array.of(1), null, Uint8Array.of(3)])
const batch = batchOf([
  textColumn('id', ['a', 'b', 'c']),
  int32Column('n', [1, null, 3]),
  { ...image, field: heavy(image.field) },
])
const names = ({ schema }: { schema: { names: unknown[] } }) => schema.names

describe('select', () => {
  it.each([1, 2, 3])('keeps columns in the order named, in batches of %i', async (size) => {
    const parts = [0, 1, 2].filter((at) => at % size === 0)
    const input = parts.map((at) => batch.slice(at, Math.min(3, at + size)))
    const { batches } = await gather(flowOf(input).pipe(select({ columns: ['n', 'id'] })))
    expect(batches.map(names)).toEqual(parts.map(() => ['n', 'id']))
    expect(values(batches, 'n')).toEqual([1, null, 3])
    expect(values(batches, 'id')).toEqual(['a', 'b', 'c'])
  })

  it('copies nothing, and passes a batch without rows', async () => {
    const input = [batch, batch.slice(0, 0)]
    const { batches } = await gather(flowOf(input).pipe(select({ columns: ['n'] })))
    expect(batches.map((b) => b.numRows)).toEqual([3, 0])
    expect(batches[0]?.data.children[0]).toBe(batch.data.children[1])
  })

  it('asks for the heavy columns that are wanted of those it keeps', async () => {
    const kept = askable([batch])
    const wanted = { columns: ['image', 'pixels'] }
    const all = await gather(kept.flow.pipe(select({ columns: ['image', 'id'] })), wanted)
    expect(kept.asked).toEqual(['image'])
    expect(all.batches.map(names)).toEqual([['image', 'id']])

    const none = await gather(kept.flow.pipe(select({ columns: ['image', 'id'] })), { columns: [] })
    expect(none.batches.map(names)).toEqual([['id']])
  })

  it('says its schema, and refuses a missing column', async () => {
    const said = await flowOf(askable([batch]).flow.pipe(select({ columns: ['n'] }))).schema()
    expect(said?.names).toEqual(['n'])
    const wrong = select({ columns: ['idd'] })
    const message = 'Expected column `idd` for select, got columns id, n, image; did you mean `id`?'
    await expect(flowOf(askable([batch]).flow.pipe(wrong)).schema()).rejects.toThrow(message)
    await expect(gather(flowOf([batch]).pipe(wrong))).rejects.toThrow(message)
  })

  it.each([
    [{ columns: [] }, 'Expected option `columns` to be a non-empty list of column names'],
    [{ columns: ['n', 'n'] }, 'Expected option `columns` to name each column once, got n, n'],
    [{ column: ['n'] }, 'got `column`; did you mean `columns`?'],
  ])('refuses %o', (options, message) => {
    expect(() => select(options as never)).toThrow(OptionError)
    expect(() => select(options as never)).toThrow(message)
  })
})
