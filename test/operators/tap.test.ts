import type { RecordBatch } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { tap } from '../../operators/tap.ts'
import { batchOf, binaryColumn, textColumn } from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { OptionError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { askable } from '../helpers/askable.ts'
import { gather } from '../helpers/pictures.ts'

const image = binaryColumn('image', [Uint8Array.of(1), null])
const batch = batchOf([textColumn('id', ['a', 'b']), { ...image, field: heavy(image.field) }])

describe('tap', () => {
  it('calls with each batch before it goes on, and waits', async () => {
    const log: string[] = []
    const each = async ({ numRows }: RecordBatch) => {
      await Promise.resolve()
      log.push(`tapped ${String(numRows)}`)
    }
    const input = [batch, batch.slice(0, 1), batch.slice(0, 0)]
    const out: RecordBatch[] = []
    for await (const value of flowOf(flowOf(input).pipe(tap({ each })))) {
      log.push(`given ${String(value.numRows)}`)
      out.push(value)
    }
    expect(log).toEqual(['tapped 2', 'given 2', 'tapped 1', 'given 1', 'tapped 0', 'given 0'])
    expect(out.every((value, i) => value === input[i])).toBe(true)
  })

  it('sees the heavy columns that it reads, and does not pass them on unasked', async () => {
    const { flow, asked } = askable([batch])
    const seen: unknown[] = []
    const each = ({ schema }: RecordBatch) => void seen.push(...schema.names)
    const { batches } = await gather(flow.pipe(tap({ each, reads: ['image'] })), { columns: [] })
    expect(asked).toEqual(['image'])
    expect(seen).toEqual(['id', 'image'])
    expect(batches.map((b) => b.schema.names)).toEqual([['id']])
  })

  it('fails the stream with the error of the function', async () => {
    const cause = new Error('no room')
    const each = () => Promise.reject(cause)
    await expect(gather(flowOf([batch]).pipe(tap({ each })))).rejects.toBe(cause)
  })

  it('refuses a missing column and bad options', async () => {
    const each = () => undefined
    const wrong = flowOf(flowOf(askable([batch]).flow).pipe(tap({ each, reads: ['imag'] })))
    await expect(wrong.schema()).rejects.toThrow(
      'Expected column `imag` for tap, got columns id, image; did you mean `image`?',
    )
    expect(() => tap({} as never)).toThrow(
      new OptionError('Expected option `each` to be a function, got `undefined` (undefined)'),
    )
    expect(() => tap({ each, next: each } as never)).toThrow(OptionError)
  })
})
