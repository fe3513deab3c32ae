import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decode } from '../../operators/decode.ts'
import { perceptualHash, type PerceptualHashOptions } from '../../operators/perceptual-hash.ts'
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

  it('makes several hashes in one pass, with those of the turned and mirrored picture', async () => {
    const scene = await noise(8, 6, 3).resize(400, 300, { kernel: 'cubic' }).png().toBuffer()
    const turned = await sharp(scene).rotate(90).flop().png().toBuffer()
    const small = await noise(20, 8, 1).png().toBuffer()
    async function hashesOf(options: PerceptualHashOptions): Promise<(Uint8Array | null)[][]> {
      const pictures = flowOf(pictureBatches({ scene, turned, small }))
      const { batches } = await gather(pictures.pipe(decode(), perceptualHash(options)), {
        columns: [],
      })
      return ['phash', 'dhash'].map((name) => values(batches, name) as (Uint8Array | null)[])
    }
    const method = ['phash', 'dhash'] as const
    const [plain, all] = [await hashesOf({ method }), await hashesOf({ method, symmetries: 'all' })]
    for (const [i, hashes] of all.entries()) {
      const [own, other, none] = hashes
      if (!own || !other) throw new Error('Expected hashes')
      expect([own.length, none]).toEqual([64, null])
      expect([...own.subarray(0, 8)]).toEqual([...(plain[i]?.[0] ?? [])])
      const nearest = Array.from({ length: 8 }, (_, form) =>
        bitsApart(own.subarray(8 * form, 8 * form + 8), other.subarray(0, 8)),
      )
      expect(Math.min(...nearest)).toBeLessThanOrEqual(2)
      expect(nearest[0]).toBeGreaterThan(8)
    }
    const mean = await hashesOf({
      method: ['phash', 'dhash'],
      gray: 'mean',
      into: ['phash', 'dhash'],
    })
    expect(
      bitsApart(mean[0]?.[0] ?? new Uint8Array(), plain[0]?.[0] ?? new Uint8Array()),
    ).toBeGreaterThan(0)
  })

  it.each([
    [{ method: 'ahash' }, 'to be one of'],
    [{ method: ['cells', 'phash'] }, 'a column for each of 2 methods, got phash, phash'],
    [{ method: [] }, 'a column for each of 0 methods'],
    [{ symmetries: true }, 'Expected option `symmetries` to be one of'],
    [{ gray: 'lumen' }, 'to be one of'],
    [{ bits: 6 }, 'got `bits`'],
  ])('refuses %j', (options, message) => {
    expect(() => perceptualHash(options as PerceptualHashOptions)).toThrow(message)
  })

  it('refuses a flow without pictures', async () => {
    await expect(
      gather(flowOf(pictureBatches({ x: null })).pipe(perceptualHash())),
    ).rejects.toThrow(SchemaError)
  })
})
