import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { lastValueFrom } from 'rxjs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { toParquet } from '../../../connectors/to-parquet.ts'
import { batchOf, float64Column } from '../../../src/batch/batch.ts'
import { flowOf } from '../../../src/flow/flow.ts'
import { keepWorker, type ParquetWorker, takeWorker } from '../../../src/parquet/idle-workers.ts'
import { parquetLimits } from '../../../src/parquet/limits.ts'
import { ParquetThread } from '../../../src/parquet/parquet-thread.ts'
import { element, fileOf, pageFile } from '../../helpers/crafted-parquet.ts'

const { memoryBytes, idleThreads, idleBytes } = parquetLimits
const small = Uint8Array.from(
  pageFile({ body: gzipSync(new Uint8Array(400)), codec: 2, rawBytes: 400, values: 100 }),
)

let folder: string
/** A file whose rows take twice the memory that an idle thread may hold. */
let large: Uint8Array
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-idle-'))
  const path = join(folder, 'large.parquet')
  const values = Float64Array.from({ length: idleBytes / 4 }, (_, at) => at)
  await lastValueFrom(flowOf([batchOf([float64Column('x', values)])]).pipe(toParquet(path)))
  large = Uint8Array.from(await readFile(path))
})
afterAll(() => rm(folder, { recursive: true }))

/** Ends what is idle, of other files too. */
beforeEach(async () => {
  const workers = Array.from({ length: idleThreads }, () => takeWorker(memoryBytes))
  await Promise.all(workers.map((worker) => worker.close()))
})

function open(worker: ParquetWorker, file: Uint8Array): Promise<{ table: number }> {
  return worker.call('open', { file: file.slice(), batchRows: 100 })
}

const closed = 'Expected an open worker, got a closed one'

describe('keepWorker', () => {
  it('keeps a thread for the next who needs one with that bound to its memory', async () => {
    const worker = takeWorker(memoryBytes)
    await keepWorker(worker, memoryBytes)
    const other = takeWorker(memoryBytes / 2)
    expect(other).not.toBe(worker)
    await other.close()
    expect(takeWorker(memoryBytes)).toBe(worker)
    expect(takeWorker(memoryBytes)).not.toBe(worker)
    await worker.close()
  })

  it('frees what is open in it', async () => {
    const worker = takeWorker(memoryBytes)
    const { table } = await open(worker, small)
    await keepWorker(worker, memoryBytes)
    await expect(worker.call('batch', { table, index: 0 })).rejects.toThrow(
      'Expected an open table',
    )
  })

  it('ends a thread whose memory has grown', async () => {
    const worker = takeWorker(memoryBytes)
    await open(worker, large)
    await keepWorker(worker, memoryBytes)
    await expect(open(worker, small)).rejects.toThrow(closed)
    expect(takeWorker(memoryBytes)).not.toBe(worker)
  })

  it('ends the thread that has been idle for longest when too many are', async () => {
    const workers = Array.from({ length: idleThreads + 1 }, () => takeWorker(memoryBytes))
    for (const worker of workers) await keepWorker(worker, memoryBytes)
    const [first, ...others] = workers as [ParquetWorker, ...ParquetWorker[]]
    await expect(open(first, small)).rejects.toThrow(closed)
    for (const other of others.toReversed()) expect(takeWorker(memoryBytes)).toBe(other)
    await Promise.all(others.map((worker) => worker.close()))
  })

  it('does not keep the process alive', async () => {
    const built = new URL('../../../dist/src/parquet/idle-workers.js', import.meta.url).href
    const program = `const { keepWorker, takeWorker } = await import('${built}')
      const worker = takeWorker(${String(memoryBytes)})
      await keepWorker(worker, ${String(memoryBytes)})
      console.log(worker === takeWorker(${String(memoryBytes)}))`
    const path = join(folder, 'program.mjs')
    await writeFile(path, program)
    expect((await promisify(execFile)(process.execPath, [path])).stdout).toBe('true\n')
  }, 20_000)
})

describe('ParquetThread', () => {
  async function rowsOf(thread: ParquetThread, file: Uint8Array): Promise<number> {
    let rows = 0
    for await (const batch of thread.read(file.slice(), 100)) rows += batch.numRows
    return rows
  }

  it('uses a thread that was kept, and gives it back', async () => {
    const worker = takeWorker(memoryBytes)
    await keepWorker(worker, memoryBytes)
    const thread = new ParquetThread()
    expect(await rowsOf(thread, small)).toBe(100)
    const other = takeWorker(memoryBytes)
    expect(other).not.toBe(worker)
    await thread.close()
    expect(takeWorker(memoryBytes)).toBe(worker)
    await Promise.all([worker.close(), other.close()])
  })

  /** A schema so deep that decoding it uses up the library's stack. */
  const groups = Array.from({ length: 10_000 }, () => element('g', 1))
  const schema = [element('schema', 1), ...groups, element('v')]
  const deep = Uint8Array.from(fileOf(new Uint8Array(8), { schema }))

  it('ends a thread in which the library panicked, and goes on in another', async () => {
    const worker = takeWorker(memoryBytes)
    await keepWorker(worker, memoryBytes)
    const thread = new ParquetThread()
    await expect(thread.schema(deep.slice())).rejects.toThrow('out of bounds')
    await expect(open(worker, small)).rejects.toThrow(closed)
    expect(await rowsOf(thread, small)).toBe(100)
    await thread.close()
  })

  it('ends a thread in which the library panics while it is given back', async () => {
    const worker = takeWorker(memoryBytes)
    await keepWorker(worker, memoryBytes)
    const thread = new ParquetThread()
    const failing = expect(thread.schema(deep.slice())).rejects.toThrow('out of bounds')
    await thread.close()
    await failing
    const next = takeWorker(memoryBytes)
    expect(next).not.toBe(worker)
    expect(await open(next, small)).toEqual({ table: 1, batches: 1 })
    await next.close()
  })

  it('says what hinders the library from being loaded, at every call', async () => {
    const thread = new ParquetThread(2 ** 16)
    for (let i = 0; i < 2; i++)
      await expect(rowsOf(thread, small)).rejects.toMatchObject({
        code: 'WORKER',
        message: expect.stringContaining('one that failed: WebAssembly') as string,
      })
    await thread.close()
  })
})
