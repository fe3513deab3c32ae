import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { contentHash, type ContentHashOptions } from '../../operators/content-hash.ts'
import { decode } from '../../operators/decode.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { gather, pictureBatches, values } from '../helpers/pictures.ts'

const fixture = new URL('../fixtures/hashes/dataeval.json', import.meta.url)
const goldens = JSON.parse(readFileSync(fixture, 'utf8')) as Record<string, { xxhash: string }>

interface Picture {
  readonly data: Buffer
  readonly width: number
  readonly height: number
}

function pictureOf(
  width: number,
  height: number,
  value: (c: number, y: number, x: number) => number,
): Picture {
  const data = Buffer.alloc(3 * width * height)
  for (let i = 0; i < data.length; i++) {
    const at = Math.floor(i / 3)
    data[i] = value(i % 3, Math.floor(at / width), at % width)
  }
  return { data, width, height }
}

function png({ data, width, height }: Picture, compressionLevel = 9): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel })
    .toBuffer()
}

describe('contentHash', () => {
  it('is the sha256 of the bytes', async () => {
    const flow = flowOf(
      pictureBatches({
        a: Buffer.from('abc'),
        b: new Uint8Array(),
        c: null,
        d: Buffer.from('abc'),
      }),
    ).pipe(contentHash({ onError: 'reject' }))
    const { batches, rejects } = await gather(flow)
    // FIPS 180-4, the examples for "abc" and the empty message.
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    expect(values(batches, 'content_hash')).toEqual([abc, empty, abc])
    expect(rejects.map((r) => [r.id, r.code])).toEqual([['c', 'MISSING']])
  })

  it('is XXH3 of the bytes, however many rows are in work', async () => {
    // `xxh3_64_hexdigest` of Python's xxhash 4.0.1 (xxHash 0.8.3).
    const expected = ['78af5f94892f3950', '2d06800538d394c2', 'd8b99a30e426ac41']
    const long = Buffer.alloc(100_000, 'x')
    const images = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [
        String(i),
        [Buffer.from('abc'), new Uint8Array(), long][i % 3] as Buffer,
      ]),
    )
    const hashed = contentHash({ method: 'xxh3', into: 'xxh3' })
    const { batches } = await gather(flowOf(pictureBatches(images)).pipe(hashed))
    expect(values(batches, 'xxh3')).toEqual(Array.from({ length: 60 }, (_, i) => expected[i % 3]))
  })

  it('hashes what is decoded, with its shape, or as DataEval does', async () => {
    const wide = pictureOf(48, 32, (c, y, x) => (x * 5 + y * 3 + c * 40) % 256)
    const zeros = [pictureOf(10, 20, () => 0), pictureOf(20, 10, () => 0)]
    const images = {
      wide: await png(wide),
      again: await png(wide, 1),
      a: await png(zeros[0] as Picture),
      b: await png(zeros[1] as Picture),
    }
    async function hashes(options: ContentHashOptions): Promise<unknown[]> {
      const flow = flowOf(pictureBatches(images)).pipe(
        decode(),
        contentHash({ column: 'pixels', ...options }),
      )
      return values((await gather(flow, { columns: [] })).batches, 'pixel_hash')
    }
    for (const method of ['xxh3', 'sha256'] as const) {
      const [first, again, a, b] = await hashes({ method })
      expect(again).toBe(first)
      expect(a).not.toBe(b)
    }
    // Made by DataEval v0.65.0, which does not hash the shape; see test/fixtures/hashes/README.md.
    const [first, , a, b] = await hashes({ method: 'xxh3', layout: 'planar' })
    expect(first).toBe(goldens['rgb_mod']?.xxhash)
    expect(a).toBe(b)
  })

  it('refuses bad options, and a column that is not there', async () => {
    expect(() => contentHash({ column: '' })).toThrow(OptionError)
    expect(() => contentHash({ layout: 'planar' })).toThrow(OptionError)
    expect(() => contentHash({ method: 'md5' as 'xxh3' })).toThrow(OptionError)
    await expect(
      gather(flowOf(pictureBatches({ a: null })).pipe(contentHash({ column: 'x' }))),
    ).rejects.toThrow(SchemaError)
  })
})
