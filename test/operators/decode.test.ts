import { readFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decode } from '../../operators/decode.ts'
import { column } from '../../src/batch/batch.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { type Pixels, pixelsAt } from '../../src/pictures/pixels.ts'
import { gather, noise, pictureBatches, plain, values } from '../helpers/pictures.ts'
import { countsOf } from '../helpers/runs.ts'

/** The one picture, decoded. */
async function decoded(
  image: Uint8Array | null,
  options: Parameters<typeof decode>[0] = {},
): Promise<{ pixels: Pixels; width: unknown; height: unknown; channels: unknown }> {
  const { batches } = await gather(flowOf(pictureBatches({ x: image })).pipe(decode(options)))
  const [batch] = batches
  if (!batch) throw new Error('Expected a batch')
  const field = batch.schema.fields.find((f) => f.name === 'pixels')
  const pixels = field && pixelsAt(field, column(batch, 'pixels'), 0)
  if (!pixels) throw new Error('Expected pixels')
  const [width, height, channels] = ['width', 'height', 'channels'].map(
    (n) => column(batch, n).get(0) as unknown,
  )
  return { pixels, width, height, channels }
}

/** The colour of the pixel at (x, y). */
function at({ data, width }: Pixels, x: number, y: number): number[] {
  return [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)]
}

/** Red on the left, blue on the right, 6 × 4. */
const twoColours = () =>
  sharp({ create: { width: 6, height: 4, channels: 3, background: '#0000ff' } }).composite([
    {
      input: { create: { width: 3, height: 4, channels: 3, background: '#ff0000' } },
      left: 0,
      top: 0,
    },
  ])

/** 100 × 50 in 5 channels of 8 bits, as sharp does not write it. */
function manyChannels(): Buffer {
  const [entries, end] = [11, 8 + 2 + 12 * 11 + 4]
  const bytes = Buffer.alloc(end + 10 + 5 * 5000, 8)
  bytes.write('II*\0')
  bytes.writeUInt32LE(8, 4)
  bytes.writeUInt16LE(entries, 8)
  bytes.writeUInt32LE(0, end - 4)
  // Width, height, bits (5 numbers after the tags), no compression, RGB, where the rows are, channels, rows and bytes.
  const tags = [
    [256, 1, 100],
    [257, 1, 50],
    [258, 5, end],
    [259, 1, 1],
    [262, 1, 2],
    [273, 1, end + 10],
    [277, 1, 5],
    [278, 1, 50],
    [279, 1, 5 * 5000],
    [284, 1, 1],
    [338, 1, 0],
  ] as const
  for (const [i, [tag, count, value]] of tags.entries()) {
    const at = 10 + 12 * i
    bytes.writeUInt16LE(tag, at)
    bytes.writeUInt16LE(3, at + 2)
    bytes.writeUInt32LE(count, at + 4)
    bytes.writeUInt32LE(value, at + 8)
  }
  for (let i = 0; i < 5; i++) bytes.writeUInt16LE(8, end + 2 * i)
  return bytes
}

describe('decode', () => {
  const formats = [
    { name: 'PNG', encode: () => plain(6, 4).png(), channels: 3, tolerance: 0 },
    { name: 'JPEG', encode: () => plain(6, 4).jpeg({ quality: 100 }), channels: 3, tolerance: 2 },
    { name: 'WebP', encode: () => plain(6, 4).webp({ lossless: true }), channels: 3, tolerance: 0 },
    { name: 'GIF', encode: () => plain(6, 4).gif(), channels: 4, tolerance: 0 },
    {
      name: 'TIFF',
      encode: () => plain(6, 4).tiff({ compression: 'lzw' }),
      channels: 3,
      tolerance: 0,
    },
    { name: 'AVIF', encode: () => plain(6, 4).avif({ quality: 90 }), channels: 3, tolerance: 3 },
    {
      name: '16-bit PNG',
      encode: () => plain(6, 4).toColourspace('rgb16').png(),
      channels: 3,
      tolerance: 0,
    },
    {
      name: 'PNG with a palette',
      encode: () => plain(6, 4).png({ palette: true }),
      channels: 3,
      tolerance: 0,
    },
    {
      name: 'CMYK JPEG',
      encode: () => plain(6, 4).toColourspace('cmyk').jpeg({ quality: 100 }),
      channels: 4,
      tolerance: 35,
    },
  ]
  it.each(formats)('reads $name', async ({ encode, channels, tolerance }) => {
    const out = await decoded(await encode().toBuffer())
    expect([out.width, out.height, out.channels]).toEqual([6, 4, channels])
    expect(out.pixels.data).toHaveLength(6 * 4 * 3)
    const wanted = [200, 100, 50]
    at(out.pixels, 3, 2).forEach((v, c) => {
      expect(Math.abs(v - (wanted[c] ?? 0))).toBeLessThanOrEqual(tolerance)
    })
  })

  it('makes gray pictures RGB, of 8 and of 16 bits', async () => {
    for (const space of ['b-w', 'grey16']) {
      const gray = plain(6, 4, [90, 90, 90]).toColourspace(space).png()
      const out = await decoded(await gray.toBuffer())
      expect(out.channels).toBe(1)
      expect(at(out.pixels, 0, 0)).toEqual([90, 90, 90])
    }
  })

  it('takes floats for 0 to 1, as all that measures them does', async () => {
    const file = await readFile(new URL('../fixtures/image-stats/float.tif', import.meta.url))
    const gray = sharp(file).pipelineColourspace('b-w').toColourspace('b-w')
    const stored = await gray.raw({ depth: 'float' }).toBuffer()
    const floats = new Float32Array(Uint8Array.from(stored).buffer)
    const { pixels, channels } = await decoded(file)
    expect(channels).toBe(1)
    expect([...pixels.data]).toEqual(
      [...floats].flatMap((v) => Array.from({ length: 3 }, () => Math.round(255 * v))),
    )
  })

  it.each([
    { orientation: 1, size: [6, 4], left: [255, 0, 0] },
    { orientation: 3, size: [6, 4], left: [0, 0, 255] },
    { orientation: 6, size: [4, 6], left: [255, 0, 0] },
    { orientation: 8, size: [4, 6], left: [0, 0, 255] },
  ])('turns a picture with EXIF orientation $orientation', async ({ orientation, size, left }) => {
    const png = await twoColours().png().toBuffer()
    const image = await sharp(png).withMetadata({ orientation }).png().toBuffer()
    const out = await decoded(image)
    expect([out.width, out.height]).toEqual(size)
    expect([out.pixels.width, out.pixels.height]).toEqual(size)
    expect(at(out.pixels, 0, 0)).toEqual(left)
  })

  const alphas = [
    {
      name: 'a colour',
      colour: [200, 100, 50, 0.2],
      background: '#0a141e',
      expected: [48, 36, 34],
    },
    {
      name: 'white under dark pixels',
      colour: [0, 0, 0, 0.2],
      background: 'contrast',
      expected: [204, 204, 204],
    },
    {
      name: 'black under white pixels',
      colour: [255, 255, 255, 0.2],
      background: 'contrast',
      expected: [51, 51, 51],
    },
  ]
  it.each(alphas)(
    'shows $name through transparent pixels',
    async ({ colour, background, expected }) => {
      const image = await plain(6, 4, colour).png().toBuffer()
      const { pixels, channels } = await decoded(image, { background })
      expect(channels).toBe(4)
      expect(at(pixels, 2, 2)).toEqual(expected)
    },
  )

  it('takes the first frame of an animation', async () => {
    const frames = await Promise.all(
      [
        [10, 20, 30],
        [200, 0, 0],
      ].map((c) => plain(6, 4, c).png().toBuffer()),
    )
    const gif = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer()
    const { pixels, height } = await decoded(gif)
    expect(height).toBe(4)
    expect(at(pixels, 0, 0)).toEqual([10, 20, 30])
  })

  it('rejects what does not decode, with a stable code and message', async () => {
    const encoded = {
      jpeg: await noise(80, 60).jpeg().toBuffer(),
      png: await noise(80, 60).png().toBuffer(),
      webp: await noise(80, 60).webp().toBuffer(),
      gif: await noise(80, 60).gif().toBuffer(),
      tiff: await noise(80, 60).tiff({ compression: 'lzw' }).toBuffer(),
      avif: await noise(80, 60).avif().toBuffer(),
    }
    const cut = Object.entries(encoded).map(
      ([name, b]) => [`cut.${name}`, b.subarray(0, Math.floor(b.length * 0.9))] as const,
    )
    const { batches, rejects, run } = await gather(
      flowOf(
        pictureBatches({
          ...Object.fromEntries(cut),
          'good.png': encoded.png,
          empty: new Uint8Array(),
          text: Buffer.from('<html>'),
          svg: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
          head: encoded.png.subarray(0, 20),
          none: null,
        }),
      ).pipe(decode({ onError: 'reject' })),
    )
    expect(values(batches, 'id')).toEqual(['good.png'])
    const whole = (format: string) =>
      `Expected a whole ${format} picture, got one that is cut or damaged`
    const format =
      'Expected a JPEG, PNG, WebP, GIF, TIFF or AVIF picture, got bytes of none of them'
    expect(rejects.map((r) => [r.id, r.code, r.message])).toEqual([
      ...cut.map(([id]) => [id, 'DAMAGED', whole(id.slice(4).toUpperCase())]),
      ['empty', 'EMPTY', 'Expected a picture, got no bytes'],
      ['text', 'FORMAT', format],
      ['svg', 'FORMAT', format],
      ['head', 'DAMAGED', whole('PNG')],
      ['none', 'MISSING', 'Expected bytes in column `image`, got null'],
    ])
    expect(countsOf(run)['decode']).toEqual({ rowsIn: 12, rowsKept: 1, rejected: 11, dropped: 0 })
  })

  it('does not decode a picture of more pixels than allowed', async () => {
    const image = await plain(100, 50).png().toBuffer()
    const flow = (limitPixels: number) =>
      gather(flowOf(pictureBatches({ x: image })).pipe(decode({ limitPixels, onError: 'reject' })))
    expect((await flow(5_000)).rejects).toEqual([])
    expect((await flow(4_999)).rejects).toMatchObject([
      { code: 'TOO_LARGE', message: 'Expected at most 4999 pixels, got 100 × 50' },
    ])
  })

  const deep = [
    {
      name: '16-bit PNG',
      encode: () => noise(100, 50).toColourspace('rgb16').png(),
      message: 'Expected at most 5000 pixels of 4 bytes, got 100 × 50 of 6',
    },
    {
      name: 'AVIF',
      encode: () => noise(100, 50).avif(),
      message: 'Expected at most 5000 pixels of 4 bytes, got 100 × 50 of 8',
    },
    {
      name: 'TIFF of many channels',
      encode: () => ({ toBuffer: manyChannels }),
      message: 'Expected at most 5000 pixels of 4 bytes, got 100 × 50 of 5',
    },
  ]
  it.each(deep)('counts the bytes of a $name', async ({ encode, message }) => {
    const image = await encode().toBuffer()
    const flow = flowOf(pictureBatches({ x: image }))
    const { rejects } = await gather(flow.pipe(decode({ limitPixels: 5000, onError: 'reject' })))
    expect(rejects).toMatchObject([{ code: 'TOO_LARGE', message }])
  })

  it('refuses channels that are no colours', async () => {
    const flow = flowOf(pictureBatches({ x: manyChannels() })).pipe(decode({ onError: 'reject' }))
    const { rejects } = await gather(flow)
    const message = 'Expected red, green and blue, got 5 channels'
    expect(rejects).toMatchObject([{ code: 'FORMAT', message }])
  })

  it('stops a bomb: few bytes that announce very many pixels', async () => {
    const bomb = Buffer.from(await plain(8, 8).png().toBuffer())
    bomb.writeUInt32BE(60_000, 16)
    bomb.writeUInt32BE(60_000, 20)
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29)
    const { rejects } = await gather(
      flowOf(pictureBatches({ bomb })).pipe(decode({ onError: 'reject' })),
    )
    expect(rejects).toMatchObject([
      { code: 'TOO_LARGE', message: 'Expected at most 100000000 pixels, got 60000 × 60000' },
    ])
  })

  it('gives the same pixels whatever the batches and threads', async () => {
    const images = Object.fromEntries(
      await Promise.all(
        Array.from(
          { length: 9 },
          async (_, i) =>
            [
              `p${String(i)}`,
              await noise(20 + i, 30 - i, i)
                .jpeg()
                .toBuffer(),
            ] as const,
        ),
      ),
    )
    const all = async (size: number, threads: number) => {
      const flow = flowOf(pictureBatches(images, size)).pipe(decode())
      const { batches } = await gather(flow, { threads })
      return batches.flatMap((batch) => {
        const field = batch.schema.fields.find((f) => f.name === 'pixels')
        return Array.from(
          { length: batch.numRows },
          (_, row) => field && pixelsAt(field, column(batch, 'pixels'), row),
        )
      })
    }
    const once = await all(9, 1)
    expect(once.map((p) => [p?.width, p?.height])).toEqual(
      Array.from({ length: 9 }, (_, i) => [20 + i, 30 - i]),
    )
    expect(await all(1, 2)).toEqual(once)
    expect(await all(2, 2)).toEqual(once)
  })

  it('keeps pixels in the threads unless a later operator wants them', async () => {
    const flow = flowOf(pictureBatches({ x: await plain(6, 4).png().toBuffer() })).pipe(decode())
    const { batches } = await gather(flow, { columns: [] })
    expect(batches[0]?.schema.fields.map((f) => f.name)).toEqual([
      'id',
      'image',
      'width',
      'height',
      'channels',
    ])
  })

  it('cuts a batch of more pixels than one Arrow column should hold', async () => {
    const image = await plain(6_000, 6_000).png().toBuffer()
    const flow = flowOf(pictureBatches({ a: image, b: image, c: image, d: image }))
    const { batches } = await gather(flow.pipe(decode()), { columns: ['pixels'] })
    expect(batches.map((b) => values([b], 'id'))).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
  })

  it('declares a tensor of varying shape', async () => {
    const { batches } = await gather(
      flowOf(pictureBatches({ x: await plain(6, 4).png().toBuffer() })).pipe(decode()),
    )
    const field = batches[0]?.schema.fields.find((f) => f.name === 'pixels')
    expect(String(field?.type)).toBe('Struct<{data:List<Uint8>, shape:FixedSizeList[3]<Int32>}>')
    expect(field?.metadata.get('ARROW:extension:name')).toBe('arrow.variable_shape_tensor')
    expect(field?.metadata.get('ARROW:extension:metadata')).toBe('{"uniform_shape":[null,null,3]}')
  })

  it('refuses bad options at the call, and a missing column', async () => {
    expect(() => decode({ background: 'red' })).toThrow(
      'Expected option `background` to be a colour such as `#1a2b3c`, got `red` (string)',
    )
    expect(() => decode({ limitPixels: 0 })).toThrow(OptionError)
    expect(() => decode({ colum: 'x' } as never)).toThrow(
      'Expected decode to be given only known options, got `colum`; did you mean `column`?',
    )
    const flow = flowOf(pictureBatches({ x: new Uint8Array(1) })).pipe(decode({ column: 'img' }))
    await expect(gather(flow)).rejects.toThrow(SchemaError)
  })

  it('reads 299 of the 304 bundled pictures, and rejects the five planted corrupt ones', async () => {
    const truth = JSON.parse(await readFile('examples/clipart.truth.json', 'utf8')) as {
      corrupt: { id: string }[]
    }
    const { fromFiles } = await import('../../connectors/from-files.ts')
    const flow = fromFiles('examples/clipart').pipe(decode({ onError: 'reject' }))
    const { batches, rejects } = await gather(flow, { columns: [] })
    expect(values(batches, 'id')).toHaveLength(299)
    expect(rejects.map((r) => r.id).sort()).toEqual(truth.corrupt.map((c) => c.id).sort())
  })
})
