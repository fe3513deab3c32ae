import { describe, expect, it } from 'vitest'
import { fromFiles } from '../../connectors/from-files.ts'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toJsonl } from '../../connectors/to-jsonl.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import { pca } from '../../operators/pca.ts'
import { ConnectorError, OptionError } from '../../src/errors.ts'
import { Flow } from '../../src/flow/flow.ts'
import { planDifference, planRecord } from '../../src/run/plan-record.ts'
import { run } from '../../src/run/run.ts'
import { withoutSecrets } from '../../src/secrets.ts'
import { letters } from '../helpers/flows.ts'

describe('withoutSecrets', () => {
  it.each([
    ['no URL: a@b, C:\\x, 12:30', 'no URL: a@b, C:\\x, 12:30'],
    ['https://host:80/x', 'https://host:80/x'],
    ['in https://user:secret@host/x/a@b.png', 'in https://…@host/x/a@b.png'],
    ['s3://token@bucket and S3://k:a/b+c=@bucket/x', 's3://…@bucket and S3://…@bucket/x'],
    ['https://u:p@ss@host/x', 'https://…@host/x'],
    ['git+ssh://u:@host\nftp://u:p@h', 'git+ssh://…@host\nftp://…@h'],
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
  it.each(calls)('is refused by %s, which would take it for a folder here', (_name, call) => {
    expect(call).toThrow(OptionError)
    expect(call).toThrow('(s3:// is not supported), got `s3://…@bucket/x` (string)')
  })

  it('is refused as the folder of checkpoints', async () => {
    const checkpoint = { folder: url }
    await expect(run(letters('a', 1), { checkpoint })).rejects.toThrow('s3:// is not supported')
  })
})
