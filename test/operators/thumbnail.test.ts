import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decode } from '../../operators/decode.ts'
import { thumbnail } from '../../operators/thumbnail.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { gather, noise, pictureBatches, plain, values } from '../helpers/pictures.ts'

describe('thumbnail', () => {
  it('makes small copies of the same shape, and enlarges none', async () => {
    const images = {
      wide: await plain(400, 200).png().toBuffer(),
      small: await plain(20, 30).png().toBuffer(),
    }
    for (const format of ['webp', 'jpeg'] as const) {
      const flow = flowOf(pictureBatches(images)).pipe(decode(), thumbnail({ format }))
      const { batches } = await gather(flow, { columns: ['thumbnail'] })
      const sizes: unknown[] = []
      for (const bytes of values(batches, 'thumbnail') as Uint8Array[]) {
        const { width, height, format: written } = await sharp(bytes).metadata()
        sizes.push([written, width, height])
        const { dominant } = await sharp(bytes).stats()
        expect(Math.abs(dominant.r - 200)).toBeLessThanOrEqual(8)
      }
      expect(sizes).toEqual([
        [format, 96, 48],
        [format, 20, 30],
      ])
    }
  })

  it('stays small even for noise, and is carried only where it is wanted', async () => {
    const flow = flowOf(pictureBatches({ x: await noise(300, 300).png().toBuffer() })).pipe(
      decode(),
      thumbnail(),
    )
    const { batches } = await gather(flow, { columns: ['thumbnail'] })
    expect((values(batches, 'thumbnail')[0] as Uint8Array).length).toBeLessThan(9_000)
    expect((await gather(flow, { columns: [] })).batches[0]?.getChild('thumbnail')).toBeNull()
  })

  it('refuses bad options, and a flow without pictures', async () => {
    expect(() => thumbnail({ quality: 0 })).toThrow(OptionError)
    await expect(gather(flowOf(pictureBatches({ x: null })).pipe(thumbnail()))).rejects.toThrow(
      SchemaError,
    )
  })
})
