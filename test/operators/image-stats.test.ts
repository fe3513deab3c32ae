import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Float64, type RecordBatch, Uint16, type Vector } from 'apache-arrow'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decode } from '../../operators/decode.ts'
import { imageStats, type ImageStatsOptions } from '../../operators/image-stats.ts'
import { resize } from '../../operators/resize.ts'
import { batchOf, textColumn, withColumns } from '../../src/batch/batch.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { boxesColumn, boxesField } from '../../src/manifests/boxes.ts'
import { arrays, said } from '../helpers/dataeval-arrays.ts'
import {
  expectNumbers,
  fixtures,
  type Numbered,
  type Numbers,
  numbers,
} from '../helpers/image-stats-numbers.ts'
import { gather, pictureBatches, pixelBatches, plain, values } from '../helpers/pictures.ts'
import { tensors } from '../helpers/sample-tensors.ts'
import { countsOf } from '../helpers/runs.ts'

const rgb = await readFile(join(fixtures, 'rgb.png'))
const gray = await readFile(join(fixtures, 'gray.png'))

/** The rows of a flow, as objects. */
async function rowsOf(flow: unknown): Promise<Record<string, unknown>[]> {
  const { batches } = await gather(flow, { columns: [], threads: 1 })
  return batches.flatMap((batch) => batch.toArray().map((row) => ({ ...row.toJSON() })))
}

/** Statistics of a file in the fixture. */
const { 'rgb.png': ofRgb, 'gray.png': ofGray } = numbers.files as Record<string, Numbered>

/** What the lists of a row whose names begin with `prefix` have at `at`, by the rest of the name. */
function itemsAt(
  row: Record<string, unknown>,
  prefix: string,
  at: number,
): Record<string, unknown> {
  const lists = Object.entries(row).filter(([name]) => name.startsWith(prefix))
  return Object.fromEntries(
    lists.map(([name, list]) => [name.slice(prefix.length), (list as Vector).get(at)]),
  )
}

/** Arrays as PNG files, and one that is gray with opacity. */
async function profileFiles(): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {}
  for (const name of ['grad16', 'u16', 'checker']) {
    const { data, width, height } = arrays[name] as (typeof arrays)[string] & object
    const space = data instanceof Uint16Array ? 'grey16' : 'b-w'
    const image = sharp(data as Uint8Array, { raw: { width, height, channels: 1 } })
    files[name] = await image.toColourspace(space).png().toBuffer()
  }
  files['opaque'] = await readFile(join(fixtures, 'gray-alpha.png'))
  return files
}

/** What DataEval says of an array, where it says something. */
function dataeval(name: string, profile: string): Numbers {
  const all = Object.entries(said[name]?.[profile]?.picture ?? {})
  return Object.fromEntries(all.filter(([, value]) => value !== null)) as Numbers
}

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

  it('makes those statistics of channels that are named', async () => {
    const operator = imageStats({ statistics: ['mean', 'std'], perChannel: ['std'] })
    const [row = {}] = await rowsOf(flowOf(pictureBatches({ a: rgb })).pipe(decode(), operator))
    expect(Object.keys(row).filter((name) => /mean|std/.test(name))).toEqual([
      ...['mean', 'std', 'channel_std'],
    ])
  })

  it('says of files as they are stored what NumPy and SciPy say, without their opacity', async () => {
    const names = Object.keys(numbers.files)
    const files = await Promise.all(names.map((name) => readFile(join(fixtures, name))))
    const images = Object.fromEntries(names.map((name, at) => [name, files[at] ?? null]))
    const rows = await rowsOf(
      flowOf(pictureBatches(images)).pipe(imageStats({ column: 'image', perChannel: true })),
    )
    expect(rows.map(({ id }) => id)).toEqual(names)
    for (const row of rows) {
      const { picture, channels } = numbers.files[String(row['id'])] as Numbered
      expectNumbers(row, picture)
      expectNumbers(row, { channel_entropy: channels.flatMap((each) => each['entropy'] ?? NaN) })
    }
  })

  it('says of decoded pictures what is stored, where that has more than 8 bits', async () => {
    const names = ['rgb.png', 'float.tif', 'rgb16.png', 'gray16.png']
    const files = await Promise.all(names.map((name) => readFile(join(fixtures, name))))
    const images = Object.fromEntries(names.map((name, at) => [name, files[at] ?? null]))
    for (const size of [1, 4]) {
      const operator = imageStats({ stored: 'image', perChannel: true })
      const rows = await rowsOf(flowOf(pictureBatches(images, size)).pipe(decode(), operator))
      expect(rows.map(({ id }) => id)).toEqual(names)
      for (const row of rows) {
        const { picture, channels } = numbers.files[String(row['id'])] as Numbered
        expectNumbers(row, picture)
        expectNumbers(row, { channel_entropy: channels.flatMap((each) => each['entropy'] ?? NaN) })
      }
    }
  })

  it('leaves to the decoded pictures what has 8 bits, or is of no type that it measures', async () => {
    const images = {
      gray,
      jpeg: await plain(6, 4).jpeg().toBuffer(),
      lab: await plain(6, 4).toColourspace('lab').tiff().toBuffer(),
    }
    const of = async (options: ImageStatsOptions) => {
      const operators = [decode(), imageStats(options)] as const
      return JSON.stringify(await rowsOf(flowOf(pictureBatches(images)).pipe(...operators)))
    }
    expect(await of({ stored: 'image', perChannel: true })).toEqual(await of({ perChannel: true }))
  })

  it('turns files as EXIF says, keeps the four channels of CMYK, and refuses what does not decode', async () => {
    const [operator, turned] = [imageStats({ column: 'image', onError: 'reject' }), plain(6, 4)]
    const images = {
      turned: await turned.withMetadata({ orientation: 6 }).jpeg().toBuffer(),
      cmyk: await plain(6, 4).toColourspace('cmyk').jpeg().toBuffer(),
      cut: rgb.subarray(0, 900),
      text: Buffer.from('no picture'),
      empty: new Uint8Array(),
      none: null,
    }
    const { batches, rejects } = await gather(flowOf(pictureBatches(images)).pipe(operator))
    const sizes = ['id', 'width', 'height', 'channels'].map((name) => values(batches, name))
    expect(sizes).toEqual([
      ['turned', 'cmyk'],
      [4, 6],
      [6, 4],
      [3, 4],
    ])
    expect(rejects.map(({ id, code }) => [id, code])).toEqual([
      ['cut', 'DAMAGED'],
      ['text', 'FORMAT'],
      ['empty', 'EMPTY'],
      ['none', 'MISSING'],
    ])
  })

  it('says of the boxes what NumPy and SciPy say, of what is in the picture', async () => {
    const { boxes } = numbers
    const outside = [40, 2, 3, 3]
    const [images] = pictureBatches({ a: rgb, none: rgb, empty: rgb })
    const field = boxesField('boxes')
    const lists = [[...boxes.flatMap(({ xywh }) => xywh), ...outside], null, []]
    const rows = await rowsOf(
      flowOf([withColumns(images as RecordBatch, [boxesColumn(field, lists)])]).pipe(
        decode(),
        imageStats({ boxes: 'boxes' }),
      ),
    )
    const [a = {}, none = {}, empty = {}] = rows
    for (const [at, { box, ratio }] of boxes.entries()) {
      expectNumbers(itemsAt(a, 'box_', at), box)
      const ratios = Object.entries(ratio).map(([name, value]) => [`${name}_ratio`, value])
      expectNumbers(itemsAt(a, 'box_', at), Object.fromEntries(ratios) as typeof ratio)
    }
    expect(Object.values(itemsAt(a, 'box_', 3)).every((value) => value === null)).toBe(true)
    expect(none['box_mean']).toBeNull()
    expect([...(empty['box_mean'] as Iterable<number>)]).toEqual([])
  })

  it('measures tensors of 16 bits and of floats, of one shape and of many, sliced', async () => {
    const data = [0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    for (const { column, width, depth } of [
      {
        column: tensors(
          new Uint16(),
          data.map((v) => 65_535 * v),
          [2, 3, 2],
        )[0],
        width: 3,
        depth: 16,
      },
      { column: tensors(new Float64(), data, [3, 4])[1], width: 4, depth: 64 },
    ]) {
      const batch = batchOf([textColumn('id', ['a', 'none', 'c']), column])
      const operator = imageStats({ column: 'x', onError: 'drop' })
      const [row = {}, ...others] = await rowsOf(flowOf([batch.slice(1, 3)]).pipe(operator))
      expect(others).toEqual([])
      expect(row).toMatchObject({ id: 'c', width, depth, mean: 0.5 })
    }
  })

  it.each(['dataeval-0.65', 'dataeval-0.73', 'dataeval-1'] as const)(
    'says of files what the profile %s does of their samples, with the depth that they have',
    async (profile) => {
      const files = await profileFiles()
      const rows = await rowsOf(
        flowOf(pictureBatches(files)).pipe(imageStats({ column: 'image', profile })),
      )
      expect(rows.map(({ id, depth, channels }) => [id, depth, channels])).toEqual([
        ['grad16', 8, 1],
        ['u16', 16, 1],
        ['checker', 1, 1],
        ['opaque', 8, 2],
      ])
      for (const [row, name] of [
        [rows[0], 'grad16'],
        [rows[1], 'u16'],
        [rows[2], 'checker'],
      ] as const)
        expectNumbers(row ?? {}, dataeval(name, profile))
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
    // Of boxes alone.
    [{ statistics: ['mean', 'left'] }, /got `left`/],
    [{ statistics: [] }, /^Expected option `statistics` to be a non-empty list/],
    [{ profile: 'dataeval-2' }, /^Expected option `profile` to be one of 'default', /],
    [{ perChanel: true }, /got `perChanel`; did you mean `perChannel`\?$/],
    [
      { perChannel: ['men'] },
      /^Expected option `perChannel` to name statistics of the profile, got `men`; did you mean `mean`/,
    ],
    [{ statistics: ['std'], perChannel: ['mean'] }, /`perChannel` to name statistics/],
    [{ perChannel: 'yes' }, /^Expected option `perChannel` to be true or false/],
    [
      { boxes: 'boxes', profile: 'dataeval-0.65' },
      /^Expected no option `boxes` beside profile 'dataeval-0.65', got `boxes`$/,
    ],
    [{ onError: 'skip' }, /^Expected option `onError` to be one of/],
  ])('refuses %o', (options, message) => {
    const call = () => imageStats(options as never)
    expect(call).toThrow(OptionError)
    expect(call).toThrow(message)
  })

  it('refuses a flow without pictures, or without boxes', async () => {
    for (const operator of [
      imageStats(),
      imageStats({ column: 'id' }),
      imageStats({ column: 'image', boxes: 'boxes' }),
      imageStats({ column: 'image', boxes: 'id' }),
    ])
      await expect(gather(flowOf(pictureBatches({ x: null })).pipe(operator))).rejects.toThrow(
        SchemaError,
      )
  })
})
