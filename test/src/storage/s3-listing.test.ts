import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { listObjects, type Listing } from '../../../src/storage/s3-listing.ts'
import { storageSettings } from '../../../src/storage/storage-options.ts'
import { bucket, type S3, startS3 } from '../../helpers/s3-proxy.ts'

const { signal } = new AbortController()

/** In the order of their bytes, which is neither that of folders nor that of UTF-16. */
const keys = ['a', 'a b', 'a%20b', 'a+b', 'a-b', 'a/b', 'a/b/c', 'a0', 'x&<y>"', 'ü', 'ﬀ', '😀']

let s3: S3
beforeAll(async () => {
  s3 = await startS3()
  for (const [name, value] of Object.entries(s3.env)) vi.stubEnv(name, value)
  for (const key of keys) await s3.put(`in/${key}`, key)
  await s3.put('inside', 'not in it')
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
})
beforeEach(() => {
  s3.calm()
})

async function listed(listing: Partial<Listing> = {}): Promise<string[]> {
  const found: string[] = []
  const settings = storageSettings({ requestTimeoutMs: 2_000 })
  for await (const { key, bytes } of listObjects(
    { bucket, prefix: 'in/', ...listing },
    settings,
    signal,
  )) {
    const name = key.slice('in/'.length)
    expect(bytes).toBe(Buffer.byteLength(name))
    found.push(name)
  }
  return found
}

describe('listObjects', () => {
  it.each([1, 2, 5, 12, 13, undefined])('gives all keys in pages of %s', async (pageSize) => {
    expect(await listed(pageSize === undefined ? {} : { pageSize })).toEqual(keys)
    expect(s3.count('ListObjectsV2')).toBe(Math.ceil(keys.length / (pageSize ?? 1_000)))
  })

  it('goes on behind each key', async () => {
    for (const [at, key] of keys.entries())
      expect(await listed({ after: `in/${key}`, pageSize: 4 })).toEqual(keys.slice(at + 1))
  })

  it('gives none where there is none', async () => {
    expect(await listed({ prefix: 'out/' })).toEqual([])
  })

  it('fails rather than ending early', async () => {
    s3.inject({ fault: 'no token', after: 1, times: 1 })
    await expect(listed({ pageSize: 2 })).rejects.toMatchObject({
      code: 'CONNECTOR',
      retryable: false,
      url: `s3://${bucket}/in/`,
    })
  })

  it('reads again a page that was cut, and gives no key twice', async () => {
    for (const fault of ['cut', 'cut without length', 'reset amid body'] as const)
      s3.inject({ fault, after: 1, times: 1 })
    expect(await listed({ pageSize: 3 })).toEqual(keys)
    expect(s3.served.filter((one) => one.fault)).toHaveLength(3)
  })
})
