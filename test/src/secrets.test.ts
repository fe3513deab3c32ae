import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fromFiles } from '../../connectors/from-files.ts'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toJsonl } from '../../connectors/to-jsonl.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import { pca } from '../../operators/pca.ts'
import { ConnectorError, OptionError, toPlainError } from '../../src/errors.ts'
import { Flow } from '../../src/flow/flow.ts'
import { explain } from '../../src/run/explain.ts'
import { planDifference, planRecord } from '../../src/run/plan-record.ts'
import { run } from '../../src/run/run.ts'
import { withoutSecrets } from '../../src/secrets.ts'
import type { StorageOptions } from '../../src/storage/storage-options.ts'
import { letters } from '../helpers/flows.ts'
import { noise } from '../helpers/pictures.ts'
import { bucket, type S3, startS3 } from '../helpers/s3-proxy.ts'
import { s3Account } from '../helpers/s3-server.ts'
import { startStatic, type StaticServer } from '../helpers/static-server.ts'
import { filesUnder } from '../helpers/workflows.ts'

describe('withoutSecrets', () => {
  it.each([
    ['no URL: a@b, C:\\x, 12:30', 'no URL: a@b, C:\\x, 12:30'],
    ['https://host:80/x', 'https://host:80/x'],
    ['in https://user:secret@host/x/a@b.png', 'in https://…@host/x/a@b.png'],
    ['s3://token@bucket and S3://k:a/b+c=@bucket/x', 's3://…@bucket and S3://…@bucket/x'],
    ['https://u:p@ss@host/x', 'https://…@host/x'],
    ['git+ssh://u:@host\nftp://u:p@h', 'git+ssh://…@host\nftp://…@h'],
    [
      'https://b.s3.amazonaws.com/x?X-Amz-Algorithm=A&X-Amz-Credential=AK%2F1&X-Amz-Date=D&X-Amz-Security-Token=t/+=&X-Amz-Signature=0f',
      'https://b.s3.amazonaws.com/x?X-Amz-Algorithm=A&X-Amz-Credential=…&X-Amz-Date=D&X-Amz-Security-Token=…&X-Amz-Signature=…',
    ],
    [
      'https://a.blob.core.windows.net/c/x?sv=2&se=3&sig=a%2Bb%3D https://h/x?AWSAccessKeyId=AK&Expires=1&Signature=s',
      'https://a.blob.core.windows.net/c/x?sv=2&se=3&sig=… https://h/x?AWSAccessKeyId=…&Expires=1&Signature=…',
    ],
    ['"https://h/x?access_token=a&page=2#top"', '"https://h/x?access_token=…&page=2#top"'],
    [
      '(https://h/x?api_key=a) `https://h/x?api-key=b`',
      '(https://h/x?api_key=…) `https://h/x?api-key=…`',
    ],
    [
      'Expected to read http://h/x?sig=a:b.c: no, got',
      'Expected to read http://h/x?sig=…: no, got',
    ],
    ['http://h/x?sig=…: no', 'http://h/x?sig=…: no'],
    ['https://h/x?size=1&design=2&monkey=3', 'https://h/x?size=1&design=2&monkey=3'],
  ])('%s', (text, told) => {
    expect(withoutSecrets(text)).toBe(told)
  })
})

const url = 's3://key:secret@bucket/x'

describe('a password', () => {
  it('is in no error', () => {
    const error = new ConnectorError(`Expected ${url}, got none`, { url, retryable: false })
    expect([error.message, error.url]).toEqual([
      'Expected s3://…@bucket/x, got none',
      's3://…@bucket/x',
    ])
  })

  it('is in no plan that is kept, and may change', () => {
    const [before, now] = ['old', 'new'].map((secret) => {
      const uri = `s3://key:${secret}@bucket/x`
      const settings = { location: [uri], url: new URL(uri) }
      return planRecord([new Flow(() => letters('a', 1), { name: 'a', role: 'source', settings })])
    })
    expect(before?.[0]?.settings).toBe('{"location":["s3://…@bucket/x"],"url":"s3://…@bucket/x"}')
    expect(planDifference(before ?? [], now ?? [])).toEqual([])
  })
})

describe('a URL', () => {
  const calls: readonly (readonly [string, () => unknown])[] = [
    ['fromFiles', () => fromFiles(['photos', url])],
    ['fromParquet', () => fromParquet(url)],
    ['toParquet', () => toParquet(url)],
    ['toJsonl', () => toJsonl(url)],
    ['pca', () => pca({ save: url })],
  ]
  it.each(calls)('with a user is refused by %s, and told without', (_name, call) => {
    expect(call).toThrow(OptionError)
    expect(call).toThrow('got `s3://…@bucket/x`')
  })

  it('with a user is refused as the folder of checkpoints, and told without', async () => {
    const checkpoint = { folder: url }
    await expect(run(letters('a', 1), { checkpoint })).rejects.toThrow('got `s3://…@bucket/x`')
  })
})

describe('what lets its bearer in', () => {
  const secrets = ['k3y-id', 's3cr3t', 't0ken', 'us3r', 'p4ssword', 'cr3dential', 's1gnature']
  let folder: string
  let web: StaticServer
  let s3: S3
  let locations: readonly string[]
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'secrets-'))
    ;[web, s3] = await Promise.all([startStatic(), startS3()])
    const environment = {
      ...s3.env,
      AWS_ACCESS_KEY_ID: `${s3Account.accessKeyId}k3y-id`,
      AWS_SECRET_ACCESS_KEY: 's3cr3t',
      AWS_SESSION_TOKEN: 't0ken',
    }
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
    const png = await noise(8, 8, 1).png().toBuffer()
    web.put('a.png', { bytes: png, user: 'us3r:p4ssword' })
    await s3.put('b.png', png)
    const signed =
      '?X-Amz-Credential=cr3dential&X-Amz-Security-Token=t0ken&X-Amz-Signature=s1gnature'
    const address = web.origin.replace('//', '//us3r:p4ssword@')
    locations = [`${address}/a.png${signed}`, `s3://${bucket}/b.png`]
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await Promise.all([web.close(), s3.close(), rm(folder, { recursive: true })])
  })

  function job(storage: StorageOptions = {}) {
    const columns = ['id', 'uri', 'image']
    const rows = fromFiles(locations, { batchRows: 1, storage })
    return rows.pipe(toJsonl(`s3://${bucket}/rows.jsonl`, { columns, storage }))
  }

  function expectNone(told: unknown): void {
    const text = typeof told === 'string' ? told : inspect(told, { depth: 12 })
    for (const secret of secrets) expect(text).not.toContain(secret)
  }

  it('is in no plan, progress, note, summary, checkpoint or output', async () => {
    const told: unknown[] = [await explain(job())]
    const checkpoint = { folder: join(folder, 'checkpoint'), everyMs: 1 }
    const options = {
      checkpoint,
      progressMs: 1,
      onProgress: (progress: unknown) => told.push(progress),
      onNote: (note: string) => told.push(note),
    }
    s3.inject({ fault: 'access denied', of: 'CompleteMultipartUpload' })
    await run(job(), options).catch((error: unknown) => told.push(error))
    s3.calm()
    const kept = filesUnder(checkpoint.folder)
    expect(kept.length).toBeGreaterThan(0)
    for (const name of kept) told.push(await readFile(join(checkpoint.folder, name), 'latin1'))
    const resumed = { ...options, checkpoint: { ...checkpoint, resume: true } }
    told.push(await run(job(), resumed), String(await s3.get('rows.jsonl')))
    expect(told.length).toBeGreaterThan(4)
    for (const each of told) expectNone(each)
    // They were needed all the same.
    expect(web.served.at(-1)?.url.search).toContain('X-Amz-Signature=s1gnature')
    expect(s3.served[0]?.headers['x-amz-security-token']).toBe('t0ken')
  })

  it.each([
    ...(['access denied', 'expired token', 'internal error', 'reset', 'silence'] as const),
    ...(['cut', 'wrong region', 'changed'] as const),
  ])('is in no error: %s', async (fault) => {
    const hasty = { requestTimeoutMs: 300, deadlineMs: 300 }
    for (const server of [web, s3]) {
      server.calm()
      server.inject({ fault, of: 'GET' })
      const error: unknown = await run(job(hasty)).catch((cause: unknown) => cause)
      expect(error).toMatchObject({ code: 'CONNECTOR' })
      expectNone(error)
      expectNone(toPlainError(error))
      server.calm()
    }
  })
})
