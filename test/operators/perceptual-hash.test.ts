import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decode } from '../../operators/decode.ts'
import { perceptualHash } from '../../operators/perceptual-hash.ts'
import { SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { gather, noise, pictureBatches, plain, values } from '../helpers/pictures.ts'

function bitsApart(a: Uint8Array, b: Uint8Array): number {
  return a.reduce(
    (sum, byte, i) => sum + (byte ^ (b[i] ?? 0)).toString(2).replaceAll('0', '').length,
    0,
  )
}

describe('perceptualHash', () => {
  it('is near for a picture made smaller and saved badly, far for another, null for a constant one', async () => {
    const scene = await noise(8, 6, 3).resize(400, 300, { kernel: 'cubic' }).png().toBuffer()
    const images = {
      scene,
      copy: await sharp(scene).resize(200, 150).jpeg({ quality: 30 }).toBuffer(),
      other: await noise(8, 6, 4).resize(400, 300, { kernel: 'cubic' }).png().toBuffer(),
      constant: await plain(50, 50).png().toBuffer(),
    }
    const { batches } = await gather(
      flowOf(pictureBatches(images)).pipe(decode(), perceptualHash()),
      { columns: [] },
    )
    const [hash, copy, other, constant] = values(batches, 'phash') as Uint8Array[]
    if (!hash || !copy || !other) throw new Error('Expected hashes')
    expect(hash).toHaveLength(8)
    expect(bitsApart(hash, copy)).toBeLessThanOrEqual(4)
    expect(bitsApart(hash, other)).toBeGreaterThan(16)
    expect(constant).toBeNull()
  })

  it('refuses a flow without pictures', async () => {
    await expect(
      gather(flowOf(pictureBatches({ x: null })).pipe(perceptualHash())),
    ).rejects.toThrow(SchemaError)
  })
})
