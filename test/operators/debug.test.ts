import { describe, expect, it } from 'vitest'
import { debug } from '../../operators/debug.ts'
import { batchOf, binaryColumn, textColumn } from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { OptionError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { askable } from '../helpers/askable.ts'
import { gather } from '../helpers/pictures.ts'
import { tensorBatch } from '../helpers/tensors.ts'

/** A clock that goes on by `ms` whenever it is read. */
function clock(ms: number): () => number {
  let at = 5000
  return () => (at += ms)
}

const batch = tensorBatch('embedding', [2, 3], [[1, 2, 3, 4, 5, 6], null, [1, 2, 3, 4, 5, 6]])

describe('debug', () => {
  it('says columns, shapes and rates, and passes batches on', async () => {
    const lines: string[] = []
    const input = [batch, batch.slice(0, 1), batch.slice(1, 3)]
    const options = { label: 'here', everyMs: 500, now: clock(250), write: lines.push.bind(lines) }
    const { batches } = await gather(flowOf(input).pipe(debug(options)))
    expect(batches.every((b, i) => b === input[i])).toBe(true)
    expect(lines).toEqual([
      'here: id Utf8, embedding Float32 [2, 3]',
      'here: 4 rows in 2 batches of 1 to 3, 8 rows/s',
      'here: 6 rows in 3 batches of 1 to 3, 6 rows/s',
    ])
  })

  it('says columns again when they change, and which are heavy', async () => {
    const lines: string[] = []
    const image = binaryColumn('image', [Uint8Array.of(1)])
    const pictures = batchOf([textColumn('id', ['a']), { ...image, field: heavy(image.field) }])
    const input = [pictures, pictures, batch]
    const write = (line: string) => void lines.push(line)
    await gather(flowOf(input).pipe(debug({ write, everyMs: 9, now: clock(0) })))
    expect(lines).toEqual([
      'debug: id Utf8, image Binary (heavy)',
      'debug: id Utf8, embedding Float32 [2, 3]',
      'debug: 5 rows in 3 batches of 1 to 3, in no time',
    ])
  })

  it('says that nothing came, and starts afresh for each reader', async () => {
    const lines: string[] = []
    const write = (line: string) => void lines.push(line)
    const operator = debug({ write, now: clock(1) })
    await gather(flowOf([]).pipe(operator))
    await gather(flowOf([batch]).pipe(operator))
    expect(lines).toEqual([
      'debug: no batches, 0 rows/s',
      'debug: id Utf8, embedding Float32 [2, 3]',
      'debug: 3 rows in 1 batches of 3, 1500 rows/s',
    ])
  })

  it('asks for no heavy column', async () => {
    const { flow, asked } = askable([batch])
    await gather(flow.pipe(debug({ write: () => undefined })), { columns: [] })
    expect(asked).toEqual([])
  })

  it.each([
    [{ label: '' }, 'Expected option `label` to be a non-empty string'],
    [{ everyMs: -1 }, 'Expected option `everyMs` to be a whole number'],
    [{ write: 'stderr' }, 'Expected option `write` to be a function'],
    [{ log: 1 }, 'Expected debug to be given only known options, got `log`'],
  ])('refuses %o', (options, message) => {
    expect(() => debug(options as never)).toThrow(OptionError)
    expect(() => debug(options as never)).toThrow(message)
  })
})
