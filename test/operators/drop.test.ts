import { describe, expect, it } from 'vitest'
import { drop } from '../../operators/drop.ts'
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

describe('drop', () => {
  it.each([1, 2, 3])('leaves out columns, in batches of %i', async (size) => {
    const parts = [0, 1, 2].filter((at) => at % size === 0)
    const input = parts.map((at) => batch.slice(at, Math.min(3, at + size)))
    const { batches } = await gather(flowOf(input).pipe(drop({ columns: ['id', 'image'] })))
    expect(batches.map(names)).toEqual(parts.map(() => ['n']))
    expect(values(batches, 'n')).toEqual([1, null, 3])
  })

  it('copies nothing, and passes a batch without rows', async () => {
    const input = [batch, batch.slice(0, 0)]
    const { batches } = await gather(flowOf(input).pipe(drop({ columns: ['id'] })))
    expect(batches.map((b) => b.numRows)).toEqual([3, 0])
    expect(batches[0]?.data.children[0]).toBe(batch.data.children[1])
  })

  it('has a heavy column that it leaves out not even carried', async () => {
    const { flow, asked } = askable([batch])
    const { batches } = await gather(flow.pipe(drop({ columns: ['image'] })), {
      columns: ['image', 'pixels'],
    })
    expect(asked).toEqual(['pixels'])
    expect(batches.map(names)).toEqual([['id', 'n']])
  })

  it('says its schema, and refuses a missing column', async () => {
    const said = await flowOf(askable([batch]).flow.pipe(drop({ columns: ['n'] }))).schema()
    expect(said?.names).toEqual(['id', 'image'])
    const wrong = drop({ columns: ['m'] })
    const message = 'Expected column `m` for drop, got columns id, n, image; did you mean `n`?'
    await expect(flowOf(askable([batch]).flow.pipe(wrong)).schema()).rejects.toThrow(message)
    await expect(gather(flowOf([batch]).pipe(wrong))).rejects.toThrow(message)
  })

  it.each([
    [{ columns: [] }, 'Expected option `columns` to be a non-empty list of column names'],
    [{ keep: ['n'] }, 'Expected drop to be given only known options, got `keep`'],
  ])('refuses %o', (options, message) => {
    expect(() => drop(options as never)).toThrow(OptionError)
    expect(() => drop(options as never)).toThrow(message)
  })
})
