import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, type OperatorFunction } from 'rxjs'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { fromFiles } from '../../../connectors/from-files.ts'
import { fromParquet } from '../../../connectors/from-parquet.ts'
import { toCsv } from '../../../connectors/to-csv.ts'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { toParquet } from '../../../connectors/to-parquet.ts'
import {
  batchOf,
  column,
  float64Column,
  int32Column,
  textColumn,
} from '../../../src/batch/batch.ts'
import { Flow } from '../../../src/flow/flow.ts'
import type { WriteSummary } from '../../../src/flow/sink.ts'
import { run } from '../../../src/run/run.ts'
import type { StorageOptions } from '../../../src/storage/storage-options.ts'
import type { Fault, Rule } from '../../helpers/faulty-server.ts'
import { pause } from '../../helpers/sources.ts'
import { noise } from '../../helpers/pictures.ts'
import { bucket, type S3, startS3 } from '../../helpers/s3-proxy.ts'

let s3: S3
let pictures: ReadonlyMap<string, Buffer>
beforeAll(async () => {
  s3 = await startS3()
  for (const [name, value] of Object.entries(s3.env)) vi.stubEnv(name, value)
  const made = new Map<string, Buffer>()
  for (let i = 0; i < 7; i++) {
    const key = `photos/${i < 3 ? 'a' : 'b c'}/ünï+${String(i)}.png`
    made.set(key, await noise(8, 8, i).png().toBuffer())
  }
  for (const [key, bytes] of made) await s3.put(key, bytes)
  await s3.put('photos/notes.txt', 'none')
  pictures = made
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
})
beforeEach(() => {
  s3.calm()
})

const plain = { compression: 'none', dictionary: false } as const

/** Time for a busy machine to answer, and none to go on trying. */
const patient: StorageOptions = { requestTimeoutMs: 250, deadlineMs: 10_000 }
const hasty: StorageOptions = { requestTimeoutMs: 1_000, deadlineMs: 1_000 }

async function read(storage: StorageOptions): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>()
  const flow = fromFiles(`s3://${bucket}/photos/**/*.png`, { batchRows: 2, storage })
  for await (const batch of flow) {
    const images = column(batch, 'image')
    for (const [row, id] of [...column(batch, 'id')].entries())
      found.set(`photos/${String(id)}`, Buffer.from(images.get(row) as Uint8Array))
  }
  return found
}

/** What to read and write with where requests fail for good. */
function storageFor(fault: Fault): StorageOptions {
  return passing.includes(fault) ? hasty : patient
}

/** What passes when it is asked for again, and what does not. */
const passing: readonly Fault[] = [
  ...(['internal error', 'slow down', 'reset', 'silence', 'answer lost'] as const),
  ...(['reset amid body', 'cut', 'cut without length', 'stalled'] as const),
]
const lasting: readonly (readonly [Fault, what: RegExp])[] = [
  ['expired token', /ExpiredToken.*renew/],
  ['access denied', /AccessDenied.*check that the credentials may/],
  ['not found', /NoSuchKey.*not there/],
  ['wrong region', /another region: set `region`/],
  ['slow down', /503 SlowDown.*run it again, or resume/],
  ['reset', /ECONNRESET.*run it again, or resume/],
  ['silence', /nothing for 1 s.*run it again, or resume/],
]

describe('pictures in a bucket', () => {
  it.each(passing)('are all there and whole after: %s', async (fault) => {
    const listing = { fault, of: 'ListObjectsV2', after: 1, times: 1 } as const
    s3.inject(listing, { fault, of: 'GetObject', after: 2, times: 2 })
    expect(await read(patient)).toEqual(pictures)
    expect(s3.served.filter((one) => one.fault)).toHaveLength(3)
  })

  it.each([...passing, 'wrong checksum' as const])(
    'are all there and whole when a third of the requests fails: %s',
    async (fault) => {
      s3.inject({ fault, probability: { of: 1 / 3, seed: 7 } })
      expect(await read(patient)).toEqual(pictures)
    },
  )

  it.each(lasting)('fail with the object, the cause and what to do: %s', async (fault, what) => {
    s3.inject({ fault, of: 'GetObject', key: /3\.png/ })
    const failing = read(storageFor(fault))
    await expect(failing).rejects.toMatchObject({
      code: 'CONNECTOR',
      url: `s3://${bucket}/photos/b c/ünï+3.png`,
      message: expect.stringMatching(what) as string,
    })
    await expect(failing).rejects.toThrow(`s3://${bucket}/photos/b c/ünï+3.png`)
  })

  it.each(lasting)('fail with the listing, the cause and what to do: %s', async (fault, what) => {
    s3.inject({ fault, of: 'ListObjectsV2' })
    const failing = read(storageFor(fault))
    await expect(failing).rejects.toMatchObject({ code: 'CONNECTOR' })
    await expect(failing).rejects.toThrow(what)
    await expect(failing).rejects.toThrow(/^Expected to list s3:\/\/data\/photos/)
  })

  it.each([
    ['not found', 'reject'],
    ['access denied', 'reject'],
    ['changed', 'reject'],
    ['internal error', 'fail'],
    ['reset', 'fail'],
    ['silence', 'fail'],
    ['expired token', 'fail'],
  ] as const)('that cannot be read (%s), with onError `reject`: %s', async (fault, outcome) => {
    s3.inject({ fault, of: 'GetObject', key: /2\.png/ })
    const flow = fromFiles(`s3://${bucket}/photos`, {
      storage: storageFor(fault),
      onError: 'reject',
    })
    const running = run(
      flow.pipe(toJsonl(`s3://${bucket}/out/read.jsonl`, { columns: ['id', 'image'] })),
      {
        rejects: toJsonl(`s3://${bucket}/out/rejects.jsonl`),
        maxRejectRatio: 1,
      },
    )
    if (outcome === 'fail') {
      await expect(running).rejects.toMatchObject({ code: 'CONNECTOR' })
      return
    }
    expect(await running).toMatchObject({ rows: 8, rejected: 1 })
    expect(s3.openUploads()).toEqual([])
  })
})

/** 20 columns of 20,000 numbers. */
function numbers(): Flow<RecordBatch> {
  return new Flow(async function* () {
    const columns = Array.from({ length: 20 }, (_, at) => {
      const values = Float64Array.from({ length: 20_000 }, (_, row) => Math.sin(row * (at + 1)))
      return float64Column(`c${String(at)}`, values)
    })
    yield await Promise.resolve(batchOf(columns))
  })
}

describe('a Parquet file in a bucket', () => {
  const location = `s3://${bucket}/numbers.parquet`
  const reading = { threads: 1, batchRows: 5_000 }
  let expected: readonly number[]
  beforeAll(async () => {
    await lastValueFrom(numbers().pipe(toParquet(location, { ...plain, rowGroupRows: 5_000 })))
    expected = await sum(patient)
    expect(expected.at(-1)).toBe(20_000)
  })

  /** Sum of a column, which tells whether all rows have come once. */
  async function sum(storage: StorageOptions, columns = ['c3', 'c11']): Promise<number[]> {
    const sums = [0]
    for await (const batch of fromParquet(location, { ...reading, columns, storage })) {
      for (const [at, name] of columns.entries())
        for (const value of column(batch, name)) sums[at] = (sums[at] ?? 0) + Number(value)
      sums[columns.length] = (sums[columns.length] ?? 0) + batch.numRows
    }
    return sums
  }

  it('is read by as many bytes as the columns have that are asked for, and its end', async () => {
    await sum(patient, ['c7'])
    const all = (await s3.get('numbers.parquet'))?.length ?? 0
    const read = s3.bytesRead(/numbers/)
    expect(read).toBeGreaterThan(all / 20)
    expect(read).toBeLessThan((all / 20) * 1.01 + 2 ** 16)
  })

  const some = [
    'internal error',
    'reset amid body',
    'cut without length',
    'stalled',
    'whole',
  ] as const
  it.each(some)('is whole after: %s', async (fault) => {
    s3.inject({ fault, of: 'GetObject', times: 1 }, { fault, of: 'GetObject', after: 3, times: 2 })
    expect(await sum(patient)).toEqual(expected)
    expect(s3.served.filter((one) => one.fault)).toHaveLength(3)
  })

  it.each(lasting.slice(3))('fails with the object and what to do: %s', async (fault, what) => {
    s3.inject({ fault, of: 'GetObject', after: 3 })
    await expect(sum(storageFor(fault))).rejects.toMatchObject({
      code: 'CONNECTOR',
      url: location,
      message: expect.stringMatching(what) as string,
    })
  })

  it('that changes between two reads fails, and gives no mixture', async () => {
    s3.inject({ fault: 'changed', of: 'GetObject', after: 4, times: 1 })
    const error: unknown = await sum(patient).catch((cause: unknown) => cause)
    // As another version, or, where that is read from its beginning, as what it is: no Parquet.
    const code = expect.stringMatching(/CONNECTOR|DATA/) as string
    expect(error).toMatchObject({ code, url: location })
  })
})

const rows = 40

/** Rows of `bytes` bytes of text each. */
function texts(bytes: number): Flow<RecordBatch> {
  return new Flow(async function* () {
    for (let at = 0; at < rows; at += 5) {
      const each = Array.from({ length: 5 }, (_, i) => at + i)
      const text = each.map((row) => String(row).padEnd(bytes, '.'))
      yield await Promise.resolve(batchOf([int32Column('n', each), textColumn('text', text)]))
    }
  })
}

type Sink = (path: string, options: { readonly storage: StorageOptions }) => Operator
type Operator = OperatorFunction<RecordBatch, WriteSummary>

function parquet(path: string, options: { readonly storage: StorageOptions }): Operator {
  return toParquet(path, { ...options, ...plain, rowGroupRows: 9 })
}

/** What is the same for all is tried with one of them. */
const sinks: readonly (readonly [string, Sink, readonly Fault[]])[] = [
  ['toParquet', parquet, ['slow down', 'answer lost']],
  ['toJsonl', toJsonl, passing],
  ['toCsv', toCsv, ['answer lost']],
]

async function write(sink: Sink, storage: StorageOptions, bytes = 10): Promise<Buffer | undefined> {
  const rows = texts(bytes).pipe(sink(`s3://${bucket}/out/written`, { storage }))
  const { bytes: told } = await lastValueFrom(rows)
  const written = await s3.get('out/written')
  expect(written?.length).toBe(told)
  return written
}

const requests = ['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'] as const

describe.each(sinks)('%s into a bucket', (_name, sink, faults) => {
  let expected: Buffer | undefined
  beforeAll(async () => {
    expected = await write(sink, patient)
  })

  it.each(faults)('writes the same after: %s', async (fault) => {
    s3.inject(...requests.map((of): Rule => ({ fault, of, times: 1 })))
    expect(await write(sink, patient)).toEqual(expected)
    expect(s3.served.filter((one) => one.fault)).toHaveLength(3)
    expect(s3.openUploads()).toEqual([])
  })
})

describe('an output into a bucket', () => {
  beforeEach(async () => {
    await s3.put('out/written', 'what was there before')
  })

  it.each(requests)('leaves what was there, and no upload, when it fails: %s', async (of) => {
    for (const [fault, what] of lasting) {
      s3.calm()
      s3.inject({ fault, of })
      const failing = write(toJsonl, storageFor(fault))
      await expect(failing).rejects.toMatchObject({
        code: 'CONNECTOR',
        url: `s3://${bucket}/out/written`,
        message: expect.stringMatching(fault === 'not found' ? /NoSuch/ : what) as string,
      })
      expect(String(await s3.get('out/written'))).toBe('what was there before')
      expect(s3.openUploads()).toEqual([])
    }
  })

  it('leaves no upload when answers are lost for good', async () => {
    for (const of of ['CreateMultipartUpload', 'UploadPart']) {
      s3.calm()
      s3.inject({ fault: 'answer lost', of })
      await expect(write(toJsonl, hasty)).rejects.toMatchObject({ code: 'CONNECTOR' })
      expect(String(await s3.get('out/written'))).toBe('what was there before')
      expect(s3.openUploads()).toEqual([])
    }
  })

  it.each(['ends', 'fails'])(
    'leaves no upload when one is begun after it was given up, and the run %s',
    async (how) => {
      s3.inject({ fault: 'held', of: 'CreateMultipartUpload', times: 1 })
      const flow = new Flow(async function* () {
        yield await Promise.resolve(textRow('x'.repeat(9 * 2 ** 20)))
        await vi.waitUntil(() => s3.count('UploadPart') > 0, { timeout: 10_000 })
        await s3.release()
        expect(s3.openUploads()).toHaveLength(2)
        if (how === 'fails') throw new Error('no more')
        yield textRow('y')
      })
      const storage = { requestTimeoutMs: 100 }
      const ended = lastValueFrom(flow.pipe(toJsonl(`s3://${bucket}/out/written`, { storage })))
      expect(await ended.catch((error: unknown) => String(error))).toEqual(
        how === 'fails' ? 'Error: no more' : expect.objectContaining({ rows: 2 }),
      )
      expect(s3.openUploads()).toEqual([])
    },
  )

  it('is whole in parts, when a tenth of the requests fails', async () => {
    const whole = await write(toJsonl, patient, 450_000)
    expect(whole?.length).toBeGreaterThan(2 * 8 * 2 ** 20)
    s3.inject({ fault: 'answer lost', probability: { of: 0.1, seed: 5 } })
    s3.inject({ fault: 'slow down', probability: { of: 0.1, seed: 6 } })
    expect((await write(toJsonl, patient, 450_000))?.equals(whole as Buffer)).toBe(true)
    expect(s3.openUploads()).toEqual([])
  })

  it('takes no more rows than two parts hold while a part is not taken', async () => {
    let made = 0
    const bytes = 2 ** 20
    const flow = new Flow(async function* () {
      for (; made < 24; made++) yield await Promise.resolve(textRow('x'.repeat(bytes)))
    })
    const storage = { requestTimeoutMs: 100, deadlineMs: 10_000 }
    s3.inject({ fault: 'silence', of: 'UploadPart', times: 1 })
    const writing = lastValueFrom(flow.pipe(toJsonl(`s3://${bucket}/out/large`, { storage })))
    await vi.waitUntil(() => s3.count('UploadPart') === 1, { timeout: 10_000 })
    // A request with 8 MiB may take 8 times as long.
    const seen: number[] = []
    while (s3.count('UploadPart') === 1) {
      seen.push(made)
      await pause(20)
    }
    expect(Math.max(...seen)).toBeGreaterThan(8)
    expect(Math.max(...seen)).toBeLessThan(18)
    expect((await writing).bytes).toBeGreaterThan(24 * bytes)
    expect(s3.openUploads()).toEqual([])
  })
})

function textRow(text: string): RecordBatch {
  return batchOf([textColumn('text', [text])])
}
