import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ByteSource } from '../../../src/storage/byte-source.ts'
import { openBytes } from '../../../src/storage/open-bytes.ts'
import type { StorageOptions } from '../../../src/storage/storage-options.ts'
import type { Fault, FaultyServer } from '../../helpers/faulty-server.ts'
import { bucket, type S3, startS3 } from '../../helpers/s3-proxy.ts'
import { startStatic, type StaticServer } from '../../helpers/static-server.ts'

const { signal } = new AbortController()
const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) ^ (i >> 8)))

let s3: S3
let web: StaticServer
beforeAll(async () => {
  ;[s3, web] = await Promise.all([startS3(), startStatic()])
  for (const [name, value] of Object.entries(s3.env)) vi.stubEnv(name, value)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await Promise.all([s3.close(), web.close()])
})
beforeEach(async () => {
  s3.calm()
  web.calm()
  await s3.put('a folder/ünï+100%.bin', content)
  web.put('a folder/ünï+100%.bin', { bytes: content })
})

interface Place {
  readonly server: FaultyServer
  readonly location: string
}

const places = {
  s3: () => ({ server: s3, location: `s3://${bucket}/a folder/ünï+100%.bin` }),
  http: () => ({ server: web, location: `${web.origin}/a%20folder/%C3%BCn%C3%AF+100%25.bin` }),
} satisfies Readonly<Record<string, () => Place>>

/** Time for a busy machine to answer, and none to go on trying. */
const patient: StorageOptions = { requestTimeoutMs: 250, deadlineMs: 10_000 }
const hasty: StorageOptions = { requestTimeoutMs: 100, deadlineMs: 250 }

async function opened<T>(
  location: string,
  options: StorageOptions,
  work: (bytes: ByteSource) => Promise<T>,
): Promise<T> {
  const bytes = await openBytes(location, options)
  try {
    return await work(bytes)
  } finally {
    await bytes.close()
  }
}

async function streamed(bytes: ByteSource, from = 0): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of bytes.stream(from, signal)) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

/** Ways to read, and what they give. */
const ways = {
  'a range': [(bytes) => bytes.read(1_000, 50_000, signal), content.subarray(1_000, 51_000)],
  all: [async (bytes) => bytes.read(0, await bytes.size(signal), signal), content],
  'a stream': [streamed, content],
  'the end of a stream': [(bytes) => streamed(bytes, 7_000), content.subarray(7_000)],
} satisfies Readonly<
  Record<string, readonly [read: (bytes: ByteSource) => Promise<Uint8Array>, expected: Buffer]>
>

/** What passes when it is asked for again. */
const passing: readonly Fault[] = [
  ...(['internal error', 'slow down', 'reset', 'silence', 'answer lost'] as const),
  ...(['reset amid body', 'cut', 'cut without length', 'stalled'] as const),
]
const lasting: readonly Fault[] = ['expired token', 'access denied', 'not found', 'wrong region']

describe.each(Object.entries(places))('bytes over %s', (_kind, place) => {
  describe.each(Object.entries(ways))('%s', (_way, [read, expected]) => {
    it.each(passing)('is whole after: %s', async (fault) => {
      const { server, location } = place()
      server.inject({ fault, of: 'GET', times: 1 })
      const bytes = await opened(location, patient, read)
      expect(expected.equals(bytes)).toBe(true)
      expect(server.served.filter((one) => one.fault)).toHaveLength(1)
    })

    it('fails if something else is there meanwhile', async () => {
      const { server, location } = place()
      server.inject({ fault: 'changed', of: 'GET', after: server === web ? 1 : 0, times: 1 })
      await expect(opened(location, patient, read)).rejects.toMatchObject({
        code: 'CONNECTOR',
        retryable: false,
        message: `Expected ${location} to stay as it is while it is read, got another version: start over when nobody writes to it`,
      })
    })

    it('is right where ranges are not answered', async () => {
      const { server, location } = place()
      server.inject({ fault: 'whole', of: 'GET' })
      const bytes = await opened(location, patient, read)
      expect(expected.equals(bytes)).toBe(true)
    })
  })

  it.each([...passing.slice(0, 5), ...lasting])('fail if it does not end: %s', async (fault) => {
    const { server, location } = place()
    server.inject({ fault, of: 'GET' })
    await expect(opened(location, hasty, streamed)).rejects.toMatchObject({
      code: 'CONNECTOR',
      retryable: passing.includes(fault),
      url: location,
      message: expect.stringContaining(location) as string,
    })
  })

  it('goes on where a stream has broken off, though ranges are not answered', async () => {
    const { server, location } = place()
    server.inject({ fault: 'cut', of: 'GET', after: server === web ? 1 : 0, times: 1 })
    server.inject({ fault: 'whole', of: 'GET' })
    expect(content.equals(await opened(location, patient, streamed))).toBe(true)
  })

  it('gives up at the deadline, with what happened and what to do', async () => {
    const { server, location } = place()
    server.inject({ fault: 'slow down' })
    await expect(opened(location, hasty, streamed)).rejects.toThrow(
      /^Expected to read .*, got 503.*\((1 try|\d tries) in 0\.\d s\); run it again, or resume, when the service answers$/,
    )
  })

  it('ends at once when it is aborted', async () => {
    const { server, location } = place()
    for (const fault of ['silence', 'stalled', 'slow down'] as const) {
      server.calm()
      server.inject({ fault })
      const stop = new AbortController()
      const bytes = await openBytes(location, {})
      const reading = bytes.read(0, 10, stop.signal)
      setTimeout(() => {
        stop.abort()
      }, 20)
      await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    }
  })
})

describe('a checksum', () => {
  it.each(['all', 'a stream'] as const)('that does not fit fails: %s', async (way) => {
    s3.inject({ fault: 'wrong checksum', of: 'GetObject' })
    const [read] = ways[way]
    const { location } = places.s3()
    // With time for each answer, so that it is the damage that ends it.
    await expect(
      opened(location, { ...hasty, requestTimeoutMs: 10_000 }, read),
    ).rejects.toMatchObject({
      code: 'CONNECTOR',
      message: expect.stringMatching(/damaged answer .*checksum/i) as string,
    })
  })

  it('is tried once more', async () => {
    s3.inject({ fault: 'wrong checksum', of: 'GetObject', times: 1 })
    const [read] = ways.all
    expect(content.equals(await opened(places.s3().location, patient, read))).toBe(true)
  })
})

describe('a resource on the web', () => {
  it.each([{ ranges: false }, { tag: false }, { ranges: false, tag: false }])(
    'is read from a server with %o',
    async (how) => {
      web.put('plain', { bytes: content, ...how })
      for (const [read, expected] of Object.values(ways)) {
        const bytes = await opened(`${web.origin}/plain`, patient, read)
        expect(expected.equals(bytes)).toBe(true)
      }
    },
  )

  it('that is compressed on the way fails rather than giving other bytes', async () => {
    web.put('zipped', { bytes: content, gzip: true })
    const [read] = ways['a range']
    await expect(opened(`${web.origin}/zipped`, hasty, read)).rejects.toMatchObject({
      code: 'CONNECTOR',
      retryable: false,
    })
  })

  it('that is empty has no bytes', async () => {
    web.put('empty', { bytes: '' })
    for (const location of [`${web.origin}/empty`, `s3://${bucket}/empty`]) {
      await s3.put('empty', '')
      expect(await opened(location, hasty, (bytes) => bytes.size(signal))).toBe(0)
      expect(await opened(location, hasty, streamed)).toHaveLength(0)
    }
  })

  it('gets its user and password, and another host does not', async () => {
    web.put('private', { bytes: content, user: 'ann:s3cret' })
    const address = web.origin.replace('//', '//ann:s3cret@')
    const [read, expected] = ways.all
    expect(expected.equals(await opened(`${address}/private`, patient, read))).toBe(true)
    const error: unknown = await opened(
      `${address.replace('s3cret', 'wr0ng')}/private`,
      hasty,
      read,
    ).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'CONNECTOR', retryable: false })
    expect(inspect(error, { depth: 9 })).not.toMatch(/wr0ng|ann:/)

    const other = await startStatic()
    other.put('there', { bytes: content })
    web.put('moved', {
      bytes: '',
      movedTo: `${other.origin.replace('127.0.0.1', 'localhost')}/there`,
    })
    expect(expected.equals(await opened(`${address}/moved`, patient, read))).toBe(true)
    expect(web.served.at(-1)?.headers.authorization).toBeDefined()
    expect(other.served.length).toBeGreaterThan(0)
    for (const { headers } of other.served) expect(headers.authorization).toBeUndefined()
    await other.close()
  })
})
