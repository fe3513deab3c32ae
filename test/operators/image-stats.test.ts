import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decode } from '../../operators/decode.ts'
import { imageStats } from '../../operators/image-stats.ts'
import { resize } from '../../operators/resize.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { expectNumbers, fixtures, type Numbered, numbers } from '../helpers/image-stats-numbers.ts'
import { gather, pictureBatches, pixelBatches, values } from '../helpers/pictures.ts'
import { countsOf } from '../helpers/runs.ts'

const rgb = await readFile(join(fixtures, 'rgb.png'))
const gray = await readFile(join(fixtures, 'gray.png'))

/** The rows of a flow, as objects. */
async function rowsOf(flow: unknown): Promise<Record<string, unknown>[]> {
  const { batches } = await gather(flow, { columns: [] })
  return batches.flatMap((batch) => batch.toArray().map((row) => ({ ...row.toJSON() })))
}

/** Statistics of a file in the fixture. */
const { 'rgb.png': ofRgb, 'gray.png': ofGray } = numbers.files as Record<string, Numbered>

describe('imageStats', () => {
  it('says of decoded pictures what NumPy and SciPy say, in batches of any size', async () => {
    const pictures = { a: rgb, b: gray, c: rgb }
    for (const size of [1, 2, 3]) {
      const operator = imageStats({ perChannel: true })
      const rows = await rowsOf(flowOf(pictureBatches(pictures, size)).pipe(decode(), operator))
      expect(rows.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
      const [a = {}, b = {}, c = {}] = rows
      expectNumbers(a, ofRgb?.picture ?? {})
      expectNumbers(c, ofRgb?.picture ?? {})
      // A gray file has one channel, its pixels three that are alike.
      for (const name of ['channels', 'mean', 'skew', 'kurtosis', 'entropy', 'sharpness'])
        expectNumbers(b, { [name]: ofGray?.picture[name] ?? NaN })
      for (const name of Object.keys(ofRgb?.channels[0] ?? {}))
        expectNumbers(a, {
          [`channel_${name}`]: (ofRgb?.channels ?? []).flatMap((each) => each[name] ?? NaN),
        })
    }
  })

  it.each(Object.entries(numbers.files))(
    'says of %s as it is stored what NumPy and SciPy say, without its opacity',
    async (name, { picture, channels }) => {
      const images = pictureBatches({ x: await readFile(join(fixtures, name)) })
      const operator = imageStats({ column: 'image', perChannel: true })
      const [row = {}] = await rowsOf(flowOf(images).pipe(operator))
      expectNumbers(row, picture)
      const entropies = channels.flatMap((each) => each['entropy'] ?? NaN)
      expectNumbers(row, { channel_entropy: entropies })
    },
  )

  it('adds what is asked for, and leaves the size that is known already', async () => {
    const flow = flowOf(pictureBatches({ a: rgb })).pipe(
      decode(),
      resize({ width: 8, height: 4 }),
      imageStats({ statistics: ['size', 'width', 'mean'] }),
    )
    const [row = {}] = await rowsOf(flow)
    expect(Object.keys(row)).toEqual(['id', 'image', 'width', 'height', 'channels', 'size', 'mean'])
    expect(row).toMatchObject({ width: 31, height: 23, channels: 3, size: 32 })
  })

  it('keeps the rows of a column of one size, sliced, and refuses those without a picture', async () => {
    const picture = { width: 2, height: 1, data: Uint8Array.of(0, 0, 0, 255, 255, 255) }
    const pictures = { a: picture, none: null, c: picture }
    for (const of of [undefined, { width: 2, height: 1 }]) {
      const [batch] = pixelBatches(pictures, of ? { of } : {})
      const operator = imageStats({ statistics: ['mean', 'histogram'], onError: 'reject' })
      const { batches, rejects, run } = await gather(
        flowOf([batch?.slice(0, 0), batch?.slice(0, 1), batch?.slice(1, 3)]).pipe(
          operator as never,
        ),
      )
      expect(values(batches, 'id')).toEqual(['a', 'c'])
      expect(values(batches, 'mean')).toEqual([0.5, 0.5])
      expect(rejects).toMatchObject([{ id: 'none', operator: 'imageStats', code: 'MISSING' }])
      expect(countsOf(run)['imageStats']).toEqual({
        ...{ rowsIn: 3, rowsKept: 2, rejected: 1, dropped: 0 },
      })
    }
  })

  it.each([
    [{ statistics: ['men'] }, /got `men`; did you mean `mean`\?$/],
    [{ statistics: [] }, /^Expected option `statistics` to be a non-empty list/],
    [{ profile: 'dataeval-2' }, /^Expected option `profile` to be one of 'default', /],
    [{ perChanel: true }, /got `perChanel`; did you mean `perChannel`\?$/],
    [{ perChannel: 'yes' }, /^Expected option `perChannel` to be true or false/],
    [{ onError: 'skip' }, /^Expected option `onError` to be one of/],
  ])('refuses %o', (options, message) => {
    const call = () => imageStats(options as never)
    expect(call).toThrow(OptionError)
    expect(call).toThrow(message)
  })

  it('refuses a flow without pictures', async () => {
    const flow = flowOf(pictureBatches({ x: null })).pipe(imageStats())
    await expect(gather(flow)).rejects.toThrow(SchemaError)
  })
})
