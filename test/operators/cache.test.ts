import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toJsonl } from '../../connectors/to-jsonl.ts'
import { cache, type CacheOptions } from '../../operators/cache.ts'
import { limit } from '../../operators/limit.ts'
import { rebatch } from '../../operators/rebatch.ts'
import { select } from '../../operators/select.ts'
import { batchOf, binaryColumn, textColumn } from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { ConnectorError, DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { type Flow, flowOf } from '../../src/flow/flow.ts'
import { operate } from '../../src/flow/operate.ts'
import { run } from '../../src/run/run.ts'
import { everyType } from '../helpers/every-type.ts'
import { endless, letters, refuse } from '../helpers/flows.ts'
import { gather, values } from '../helpers/pictures.ts'

let folder: string
let cached: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cache-'))
  cached = join(folder, 'cached')
})
afterEach(() => rm(folder, { recursive: true }))

const numbered = Array.from({ length: 10 }, (_, i) => `a${String(i)}`)

/** A flow of ten rows that goes through `operators` of one after the other, and how many rows were read. */
function counted(rows = 10): { flow: Flow<RecordBatch>; read: () => number } {
  let read = 0
  const counts = operate<RecordBatch, RecordBatch>({
    name: 'counts',
    schema: (input) => input,
    start: () => ({
      *next(batch) {
        read += batch.numRows
        yield batch
      },
    }),
  })
  return { flow: flowOf(letters('a', rows).pipe(counts)), read: () => read }
}

const idsOf = async (flow: unknown, columns?: readonly string[]) =>
  values((await gather(flow, columns && { columns })).batches, 'id')

describe('cache', () => {
  it('reads the rows once, and gives them many times', async () => {
    const { flow, read } = counted()
    const rows = flow.pipe(cache({ folder: cached }))
    for (let pass = 0; pass < 3; pass++) expect(await idsOf(rows)).toEqual(numbered)
    expect(read()).toBe(10)
    expect(await readdir(folder)).toEqual(['cached'])
  })

  it('gives columns of every type, with their nulls and metadata, and what it read of them', async () => {
    const batch = batchOf([...everyType])
    const input = operate<RecordBatch, RecordBatch>({
      name: 'typed',
      schema: () => batch.schema,
      start: () => ({ next: () => [batch.slice(0, 2), batch.slice(2, 2), batch.slice(2, 5)] }),
    })
    const rows = flowOf(letters('a', 2).pipe(input, cache({ folder: cached })))
    const [first, second] = [(await gather(rows)).batches, (await gather(rows)).batches]
    const texts = (batches: readonly RecordBatch[]) =>
      batches.flatMap((b) => b.toArray().map(String))
    expect(texts(second)).toEqual(texts([batch]))
    expect(texts(first)).toEqual(texts([batch]))
    expect(String(second[0]?.schema)).toBe(String(batch.schema))
    expect(second[0]?.schema.fields.map((f) => f.metadata.get('about'))).toEqual(
      everyType.map(({ field }) => field.name),
    )
  })

  it.each([0, 1])('is whole with %i rows', async (count) => {
    const { flow, read } = counted(count)
    const rows = flow.pipe(cache({ folder: cached }))
    expect(await idsOf(rows)).toEqual(numbered.slice(0, count))
    expect(await idsOf(rows)).toEqual(numbered.slice(0, count))
    expect(read()).toBe(count)
  })

  it('is not there after a partial read, and the next one gives all rows', async () => {
    const { flow, read } = counted()
    const rows = flowOf(flow.pipe(cache({ folder: cached })))
    for await (const batch of rows) {
      expect(batch.numRows).toBe(2)
      break
    }
    await expect.poll(() => readdir(folder)).toEqual([])
    expect(await idsOf(rows.pipe(limit(3)))).toEqual(['a0', 'a1', 'a2'])
    await expect.poll(() => readdir(folder)).toEqual([])
    expect(await idsOf(rows)).toEqual(numbered)
    expect(read()).toBe(2 + 4 + 10)
    expect(await idsOf(rows.pipe(limit(3)))).toEqual(['a0', 'a1', 'a2'])
    expect(await idsOf(rows)).toEqual(numbered)
    expect(read()).toBe(16)
  })

  it('is not there after an error, nor in a run that was drained', async () => {
    const failing = operate<RecordBatch, RecordBatch>({
      name: 'failing',
      schema: (input) => input,
      start: () => ({
        *next(batch) {
          if (String(batch.getChild('id')?.get(0)) === 'a6') throw new Error('broken')
          yield batch
        },
      }),
    })
    const broken = letters('a', 10).pipe(failing, cache({ folder: cached }))
    await expect(gather(broken)).rejects.toThrow('broken')
    expect(await readdir(folder)).toEqual([])

    const drain = new AbortController()
    const draining = operate<RecordBatch, RecordBatch>({
      name: 'draining',
      schema: (input) => input,
      start: () => ({
        *next(batch) {
          drain.abort()
          yield batch
        },
      }),
    })
    const job = letters('a', 10).pipe(
      draining,
      cache({ folder: cached }),
      toJsonl(join(folder, 'rows')),
    )
    const { rows } = await run(job, { drain: drain.signal })
    expect(rows).toBeLessThan(10)
    expect(await readdir(folder)).toEqual(['rows'])
  })

  it('does not take what a process left that was killed amid it', async () => {
    const { flow } = counted()
    const rows = flow.pipe(cache({ folder: cached }))
    const reading = flowOf(rows)[Symbol.asyncIterator]()
    await reading.next()
    // As a process that is killed here would leave it.
    expect((await readdir(folder)).map((name) => name.startsWith('.cached.'))).toEqual([true])
    expect(await idsOf(rows)).toEqual(numbered)
    await reading.return?.()
    await expect.poll(() => readdir(folder)).toEqual(['cached'])
    expect(await idsOf(rows)).toEqual(numbered)
  })

  it('makes the rows again when the plan above, the key or the seed has changed', async () => {
    const ids = (rows: number, options: Partial<CacheOptions> = {}) =>
      idsOf(letters('a', rows).pipe(cache({ folder: cached, ...options })))
    expect(await ids(10)).toHaveLength(10)
    expect(await ids(4)).toHaveLength(4)
    const { flow, read } = counted()
    for (const key of ['v1', 'v2', 'v2']) await idsOf(flow.pipe(cache({ folder: cached, key })))
    expect(read()).toBe(20)
    for (const seed of [0, 1, 1])
      await run(flow.pipe(cache({ folder: cached, key: 'v2' })), { seed })
    expect(read()).toBe(30)
    expect(await readdir(folder)).toEqual(['cached'])
  })

  it('says what has changed, if it is told to fail', async () => {
    await idsOf(letters('a', 10).pipe(cache({ folder: cached })))
    const options = { folder: cached, changed: 'fail' } as const
    expect(await idsOf(letters('a', 10).pipe(cache(options)))).toEqual(numbered)
    const other = letters('a', 8).pipe(rebatch({ rows: 3 }), cache({ ...options, key: 'v2' }))
    await expect(gather(other)).rejects.toThrow(
      new OptionError(
        [
          `Expected the plan of the rows cached in ${cached}, got another:`,
          '- letters {"numRows":10}',
          '+ letters {"numRows":8}',
          '- cache {"key":""}',
          '+ cache {"key":"v2"}',
          '+ rebatch {"rows":3}',
          `Remove the folder, or let \`changed\` be 'recompute'`,
        ].join('\n'),
      ),
    )
    expect(await idsOf(letters('a', 10).pipe(cache(options)))).toEqual(numbered)
  })

  it('gives the rejects again, with the rows', async () => {
    const rows = letters('a', 10).pipe(refuse('3'), refuse('8'), cache({ folder: cached }))
    const [first, second] = [await gather(rows), await gather(rows)]
    expect(first.rejects.map(({ id }) => id)).toEqual(['a3', 'a8'])
    expect(second.rejects).toEqual(first.rejects)
    const kept = join(folder, 'kept.jsonl')
    const { rejected } = await run(rows.pipe(toJsonl(kept)), {
      rejects: toJsonl(join(folder, 'rejects.jsonl')),
      maxRejectRatio: 1,
    })
    expect(rejected).toBe(2)
    expect((await readFile(kept, 'utf8')).trim().split('\n')).toHaveLength(8)
  })

  it('keeps the heavy columns that are wanted, and reads again when more are', async () => {
    let read = 0
    const image = binaryColumn('image', [Uint8Array.of(1)])
    const batch = batchOf([textColumn('id', ['a']), { ...image, field: heavy(image.field) }])
    const pictures = operate<RecordBatch, RecordBatch>({
      name: 'pictures',
      schema: () => batch.schema,
      start: () => ({
        *next() {
          read++
          yield batch
        },
      }),
    })
    const rows = letters('a', 2).pipe(pictures, cache({ folder: cached }))
    const names = async (columns: string[]) =>
      (await gather(rows, { columns })).batches[0]?.schema.names
    expect(await names([])).toEqual(['id'])
    expect(await names(['embedding'])).toEqual(['id'])
    expect(read).toBe(1)
    expect(await names(['image'])).toEqual(['id', 'image'])
    expect(await names(['image'])).toEqual(['id', 'image'])
    expect(await names([])).toEqual(['id'])
    expect(read).toBe(2)
  })

  it('refuses a folder that is cut, or no cache', async () => {
    const rows = letters('a', 10).pipe(cache({ folder: cached }))
    await idsOf(rows)
    const [part = ''] = (await readdir(cached)).filter((name) => name !== 'cache.bin')
    const [column = ''] = await readdir(join(cached, part))
    await truncate(join(cached, part, column), 40)
    await expect(gather(rows)).rejects.toThrow(DataError)
    await expect(gather(rows)).rejects.toThrow(/remove the folder, or name another one$/)
    await rm(join(cached, part, column))
    await expect(gather(rows)).rejects.toThrow(DataError)
    await writeFile(join(cached, 'cache.bin'), 'no record')
    await expect(gather(rows)).rejects.toThrow(DataError)
    await rm(join(cached, 'cache.bin'))
    await expect(gather(rows)).rejects.toThrow(DataError)
  })

  it('fails where nothing can be written', async () => {
    await writeFile(join(folder, 'file'), '')
    const rows = letters('a', 2).pipe(cache({ folder: join(folder, 'file', 'cached') }))
    await expect(gather(rows)).rejects.toThrow(ConnectorError)
  })

  it('refuses a flow that does not end, and parts that cannot be seen', async () => {
    expect(() => endless().pipe(cache({ folder: cached }))).toThrow(
      new OptionError('Expected cache behind a flow that ends, got endless'),
    )
    const batch = batchOf([textColumn('id', ['a'])])
    expect(() => flowOf([batch]).pipe(cache({ folder: cached }))).toThrow(
      /got iterable: give it the option `key`, a text that changes with what that gives$/,
    )
    const unknown = flowOf([batch]).pipe(cache({ folder: cached, key: 'v1' }))
    await expect(gather(unknown)).rejects.toThrow(SchemaError)
    const missing = letters('a', 2).pipe(select({ columns: ['ID'] }), cache({ folder: cached }))
    await expect(gather(missing)).rejects.toThrow(SchemaError)
  })

  it.each([
    [{ folder: '' }, 'Expected option `folder` to be a non-empty string'],
    [{ folder: 'x', key: 1 }, 'Expected option `key` to be a non-empty string'],
    [
      { folder: 'x', changed: 'skip' },
      "Expected option `changed` to be one of 'recompute', 'fail'",
    ],
    [{ path: 'x' }, 'Expected cache to be given only known options, got `path`'],
  ])('refuses %o', (options, message) => {
    expect(() => cache(options as never)).toThrow(OptionError)
    expect(() => cache(options as never)).toThrow(message)
  })
})
