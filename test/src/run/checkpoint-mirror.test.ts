import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RecordBatch } from 'apache-arrow'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { neighbors } from '../../../operators/neighbors.ts'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import type { Flow } from '../../../src/flow/flow.ts'
import { source } from '../../../src/flow/source.ts'
import { CheckpointMirror } from '../../../src/run/checkpoint-mirror.ts'
import { run } from '../../../src/run/run.ts'
import { storageSettings } from '../../../src/storage/storage-options.ts'
import { bucket, type S3, startS3 } from '../../helpers/s3-proxy.ts'

let s3: S3
let folder: string
const open: CheckpointMirror[] = []
beforeAll(async () => {
  s3 = await startS3()
  for (const [name, value] of Object.entries(s3.env)) vi.stubEnv(name, value)
  folder = await mkdtemp(join(tmpdir(), 'mirror-'))
})
afterEach(async () => {
  s3.calm()
  for (const mirror of open.splice(0)) await mirror.close()
})
afterAll(async () => {
  await s3.close()
  await rm(folder, { recursive: true })
})

async function mirrorAt(key: string): Promise<CheckpointMirror> {
  const mirror = await CheckpointMirror.open({ bucket, key }, storageSettings())
  open.push(mirror)
  return mirror
}

describe('CheckpointMirror', () => {
  it('gives back what was committed, grown files by their pieces', async () => {
    const first = await mirrorAt('grown')
    await first.begin()
    await mkdir(join(first.folder, 'run'))
    const log = join(first.folder, 'run', 'rows.log')
    await writeFile(log, 'one')
    await first.commit(1)
    await appendFile(log, ' two')
    await writeFile(join(first.folder, 'lock'), 'x')
    await first.commit(2)
    expect((await s3.keys('grown/data/')).length).toBe(2)
    await appendFile(log, ' three')

    const second = await mirrorAt('grown')
    expect(await readFile(join(second.folder, 'run', 'rows.log'), 'utf8')).toBe('one two')
    await expect(readFile(join(second.folder, 'lock'))).rejects.toMatchObject({ code: 'ENOENT' })
    // Cut back to what its checkpoint says, and grown again.
    await writeFile(join(second.folder, 'run', 'rows.log'), 'one 2 three')
    await second.commit(3)
    const third = await mirrorAt('grown')
    expect(await readFile(join(third.folder, 'run', 'rows.log'), 'utf8')).toBe('one 2 three')
  })

  it('keeps three, and no piece that they do not have', async () => {
    const mirror = await mirrorAt('kept')
    for (let number = 0; number < 6; number++) {
      await writeFile(join(mirror.folder, 'state'), String(number))
      await mirror.commit(number)
    }
    expect((await s3.keys('kept/index-')).map((key) => key.slice(-8, -5))).toEqual([
      ...['003', '004', '005'],
    ])
    expect((await s3.keys('kept/data/')).length).toBe(3)
    await mirror.commit(6, { last: true })
    expect((await s3.keys('kept/')).length).toBe(2)
  })

  it('lets one of two runs commit a number', async () => {
    const [one, other] = [await mirrorAt('two'), await mirrorAt('two')]
    await one.begin()
    await expect(other.begin()).rejects.toMatchObject({
      code: 'CONNECTOR',
      retryable: false,
      url: `s3://${bucket}/two/index-000000.json`,
    })
  })

  it('knows its own commit when the answer was lost', async () => {
    const mirror = await mirrorAt('lost')
    s3.inject({ fault: 'answer lost', of: 'PUT', key: /index/, times: 1 })
    await mirror.begin()
    expect(await s3.keys('lost/')).toEqual(['lost/index-000000.json'])
  })

  it('refuses an index that is none', async () => {
    await s3.put('none/index-000001.json', '{"version":1,"files":[{"path":1}]}')
    await expect(mirrorAt('none')).rejects.toMatchObject({ code: 'DATA' })
    await s3.put(
      'out/index-000001.json',
      '{"version":1,"commit":"x","files":[{"path":"../../x","segments":[]}]}',
    )
    await expect(mirrorAt('out')).rejects.toMatchObject({ code: 'DATA' })
  })
})

function rows(count: number): Flow<RecordBatch> {
  function batch(row: number): RecordBatch {
    const values = Float32Array.of(Math.sin(row), Math.cos(3 * row))
    return batchOf([textColumn('id', [`r${String(row)}`]), tensorColumn('embedding', [2], values)])
  }
  return source<RecordBatch, number>({
    name: 'rows',
    bounded: false,
    schema: () => batch(0).schema,
    async *read(_context, from = 0) {
      for (let row = from; row < count; row++) {
        await sleep(2)
        yield [batch(row), row + 1]
      }
    },
  })
}

describe('run with checkpoints in a bucket', () => {
  it('goes on from there with none of the files of this machine, and gives the same', async () => {
    const count = 60
    async function part(until: number, out: string, resume: boolean): Promise<boolean> {
      const drain = new AbortController()
      const job = rows(count).pipe(neighbors({ mode: 'online', windowRows: 8 }), toJsonl(out))
      const { drained } = await run(job, {
        checkpoint: { folder: `s3://${bucket}/${out.slice(-4)}`, everyMs: 25, resume },
        drain: drain.signal,
        progressMs: 1,
        onProgress: ({ rows: now }) => {
          if (now >= until) drain.abort()
        },
      })
      return drained
    }

    const whole = `s3://${bucket}/out-a`
    await part(Infinity, whole, false)
    const cut = `s3://${bucket}/out-b`
    expect(await part(10, cut, false)).toBe(true)
    expect(await part(35, cut, true)).toBe(true)
    await part(Infinity, cut, true)
    const [a, b] = await Promise.all(['out-a/', 'out-b/'].map(lines))
    expect(a?.length).toBe(count)
    expect(b).toEqual(a)
    expect(s3.openUploads()).toEqual([])
  })

  async function lines(prefix: string): Promise<readonly string[]> {
    const keys = (await s3.keys(prefix)).filter((key) => key.endsWith('.jsonl'))
    const texts = await Promise.all(keys.map(async (key) => String(await s3.get(key))))
    return texts.flatMap((text) => text.split('\n').filter(Boolean))
  }
})
