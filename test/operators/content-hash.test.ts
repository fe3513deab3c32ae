import { describe, expect, it } from 'vitest'
import { contentHash } from '../../operators/content-hash.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { gather, pictureBatches, values } from '../helpers/pictures.ts'

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

  it('refuses bad options, and a column that is not there', async () => {
    expect(() => contentHash({ column: '' })).toThrow(OptionError)
    await expect(
      gather(flowOf(pictureBatches({ a: null })).pipe(contentHash({ column: 'x' }))),
    ).rejects.toThrow(SchemaError)
  })
})
